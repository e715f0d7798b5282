/**
 * The page at /docs: the operations of /openapi.json, each with a form that sends it. Everything is made of text nodes, never of markup, so nothing that stands
 * in a description or a reply can become a part of the page.
 */

/** Characters of a reply that are shown. */
const MOST_SHOWN = 256 * 1024;

const byId = (id) => document.getElementById(id);

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Operations by tag, in the order of the description. HEAD is left out: it is GET without a body. */
function byTag({ paths }) {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) =>
      method === 'head' ? [] : [{ path, method: method.toUpperCase(), ...operation }],
    ),
  );
  return Map.groupBy(operations, ({ tags }) => tags[0]);
}

function showOperation(operation) {
  const { method, path, summary } = operation;
  const details = make('details', { id: operation.operationId });
  details.append(make('summary', {}, make('b', {}, method), make('code', {}, path), make('span', {}, summary)));
  // There are many, and few are looked at.
  details.addEventListener('toggle', () => details.append(formOf(operation)), { once: true });
  return details;
}

function formOf({ method, path, parameters, requestBody, security }) {
  const fields = parameters.map((parameter) => ({ ...parameter, input: inputOf(parameter) }));
  const headers = make('textarea', { name: 'headers', placeholder: 'Name: value, one a line', spellcheck: false });
  const mediaType = Object.keys(requestBody?.content ?? {})[0];
  const text = make('textarea', { name: 'body', placeholder: mediaType ?? '', spellcheck: false });
  const file = make('input', { name: 'file', type: 'file' });
  const curl = make('div', { className: 'curl' });
  const output = make('output');
  const send = make('button', { type: 'submit' }, 'Send');
  const stop = make('button', { type: 'button', disabled: true }, 'Stop');
  const form = make('form', {}, ...fields.map(({ name, in: where, input }) => make('label', {}, `${name} (${where})`, input)));
  if (mediaType !== undefined) form.append(make('label', {}, 'body', text), make('label', {}, 'or a file', file));
  form.append(make('label', {}, 'headers', headers), send, ' ', stop, curl, output);

  const request = () => {
    const url = fields
      .filter(({ in: where }) => where === 'path')
      .reduce((done, { name, input }) => done.replace(`{${name}}`, () => encodeURIComponent(input.value)), path);
    const query = new URLSearchParams(
      fields.filter(({ in: where, input }) => where === 'query' && input.value !== '').map(({ name, input }) => [name, input.value]),
    );
    const lines = headers.value.split('\n').filter((line) => line.includes(':'));
    const more = lines.map((line) => [line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()]);
    return {
      url: query.size > 0 ? `${url}?${query.toString()}` : url,
      headers: mediaType === undefined ? more : [['Content-Type', mediaType], ...more],
      ...(mediaType === undefined ? {} : { body: file.files[0] ?? text.value }),
    };
  };
  const needsToken = security.length > 0;
  const tell = () => (curl.textContent = asCurl(method, request(), { needsToken, mediaType }));
  form.addEventListener('input', tell);
  tell();

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const abort = new AbortController();
    stop.addEventListener('click', () => abort.abort(), { signal: abort.signal });
    [send.disabled, stop.disabled] = [true, false];
    try {
      await exchange(method, request(), { needsToken, output, signal: abort.signal });
    } catch (error) {
      output.append(abort.signal.aborted ? '\n(stopped)' : `\n${String(error)}`);
    } finally {
      abort.abort();
      [send.disabled, stop.disabled] = [false, true];
    }
  });
  return form;
}

function inputOf({ name, schema, required }) {
  if (schema.enum === undefined)
    return make('input', {
      name,
      required,
      placeholder: schema.default === undefined ? (schema.type ?? '') : `default ${schema.default}`,
      spellcheck: false,
    });
  const select = make('select', { name, required });
  select.append(...(required ? [] : ['']).concat(schema.enum).map((value) => make('option', {}, value)));
  return select;
}

/** Sends it and shows the reply as it comes: some are streams without end. */
async function exchange(method, { url, headers, ...body }, { needsToken, output, signal }) {
  const token = byId('token').value;
  const all = new Headers(headers);
  if (needsToken && token !== '') all.set('Authorization', `Bearer ${token}`);
  output.textContent = '';
  const reply = await fetch(url, { method, headers: all, ...body, signal, credentials: 'omit' });
  output.append(`${reply.status} ${reply.statusText}\n${[...reply.headers].map(([name, value]) => `${name}: ${value}\n`).join('')}\n`);
  let room = MOST_SHOWN;
  const decoder = new TextDecoder();
  const reader = reply.body?.getReader();
  for (let next = await reader?.read(); next?.done === false; next = await reader.read()) {
    const piece = decoder.decode(next.value, { stream: true });
    output.append(piece.slice(0, room));
    room -= piece.length;
    if (room < 0) {
      output.append('\n(the rest is not shown)');
      await reader.cancel();
      return;
    }
  }
}

function asCurl(method, { url, headers, body }, { needsToken, mediaType }) {
  const shell = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  return [
    'curl',
    ...(method === 'GET' ? [] : ['-X', method]),
    ...(needsToken ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    ...headers.flatMap(([name, value]) => ['-H', shell(`${name}: ${value}`)]),
    ...(mediaType === undefined ? [] : ['--data-binary', shell(typeof body === 'string' ? body : `@${body.name}`)]),
    shell(new URL(url, location.href).href),
  ].join(' ');
}

try {
  const description = await (await fetch('/openapi.json')).json();
  byId('version').textContent = description.info.version;
  byId('about').replaceChildren(description.info.description, ' ', make('a', { href: '/openapi.json' }, '/openapi.json'));
  for (const [tag, operations] of byTag(description))
    byId('operations').append(make('section', {}, make('h2', {}, tag), ...operations.map(showOperation)));
} catch (error) {
  byId('about').textContent = `The description could not be read: ${String(error)}`;
}
