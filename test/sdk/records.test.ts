import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { Engine } from '../../src/agent/engine.ts';
import { localDriver } from '../../src/agent/local-driver.ts';
import { recordsOf } from '../../src/agent/records.ts';
import { agentDriver } from '../../src/sdk/agent-driver.ts';
import { remoteRecords } from '../../src/sdk/remote-records.ts';
import { UploadStore } from '../../src/sdk/upload-store.ts';
import { RemoteStore } from '../../src/store/remote-store.ts';
import { Door } from '../api/helpers.ts';
import { recordsContract } from '../contract/records.ts';

before(buildGuests);

recordsContract('a home opened here', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'docket-records-'));
  const engine = await Engine.open({ home: join(folder, 'home'), slots: 1 });
  return {
    records: recordsOf(engine),
    driver: localDriver(engine),
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
});

recordsContract('an agent over HTTP', async () => {
  const opened = await Door.open({ slots: 1 });
  const door = { url: opened.agent.url, token: opened.agent.token };
  const store = new UploadStore(new RemoteStore(door));
  const records = remoteRecords(door, store);
  return { records, driver: agentDriver({ door, store, records }), [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
});
