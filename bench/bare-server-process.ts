import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The least that could answer: a route, a few bytes, the same server. */
const app = new Hono();
app.get('/monitor/ping', (c) => c.text('pong'));
const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
const server = createServer((request, reply) => void listener(request, reply));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
