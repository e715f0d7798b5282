import assert from 'node:assert/strict';
import {
  ANN,
  askUntilAnswered,
  BEN,
  bytes,
  CAT,
  type Check,
  gather,
  Heard,
  LATE,
  NO_WORDS,
  rejectsWith,
  SOON,
  textOf,
  withCode,
} from './under-test.ts';

/** Presence and messages. */
export function postContract(check: Check): void {
  check('beats are heard by everybody, also by who sends them, and by doubles', async (under) => {
    const [ann, ben, double] = [await under.open(ANN), await under.open(BEN), await under.open(ANN)];
    const ears = [ann, ben, double].map((member) => {
      const heard = new Heard();
      member.presence.onBeat(heard.listen);
      return heard;
    });
    for (const heard of ears) {
      await heard.insist(() => ann.presence.beat(bytes('one')), `${ANN} one`);
      await heard.insist(() => double.presence.beat(bytes('two')), `${ANN} two`);
      await heard.insist(() => ben.presence.beat(new Uint8Array()), `${BEN} `);
    }
  });

  check('a message reaches all of that name and nobody else', async (under) => {
    const [ann, ben, double, cat] = [await under.open(ANN), await under.open(BEN), await under.open(BEN), await under.open(CAT)];
    const [first, second, other] = [new Heard(), new Heard(), new Heard()];
    ben.messages.onMessage(first.listen);
    double.messages.onMessage(second.listen);
    cat.messages.onMessage(other.listen);
    for (const heard of [first, second]) await heard.insist(() => ann.messages.send(BEN, bytes('for Ben')), `${ANN} for Ben`);
    await other.insist(() => ann.messages.send(CAT, bytes('for Cat')), `${ANN} for Cat`);
    await other.insist(() => cat.messages.send(CAT, bytes('for me')), `${CAT} for me`);
    assert.deepEqual([...new Set(other.all)], [`${ANN} for Cat`, `${CAT} for me`]);
    ann.messages.send('did:key:z6MkNobody', bytes('to nobody'));
  });

  check('meshes of other names are not heard', async (under) => {
    const [ann, ben, elsewhere] = [await under.open(ANN), await under.open(BEN), await under.openElsewhere(CAT)];
    const [heard, sent] = [new Heard(), bytes('from elsewhere')];
    ben.presence.onBeat(heard.listen);
    ben.messages.onMessage(heard.listen);
    ben.messages.onQuestion(async () => bytes('answered'));
    elsewhere.presence.beat(sent);
    elsewhere.messages.send(BEN, sent);
    await assert.rejects(elsewhere.messages.ask(BEN, sent, SOON), withCode('MESH_NO_ANSWER'));
    assert.deepEqual(await gather(elsewhere.messages.askAll(sent, SOON)), []);
    await heard.insist(() => ann.messages.send(BEN, bytes('here')), `${ANN} here`);
    assert.ok(heard.all.every((what) => what === `${ANN} here`));
    await elsewhere.records.put('key', sent, 0);
    await elsewhere.journals.append('journal', [sent]);
    assert.deepEqual([await ann.records.get('key'), await ann.records.list('')], [undefined, []]);
  });

  check('nobody is called in the turn of who sends', async (under) => {
    const ann = await under.open(ANN);
    const heard = new Heard();
    let isSending = false;
    const listen = (from: string, given: Uint8Array): void => heard.listen(isSending ? 'too early' : from, given);
    ann.messages.onMessage(listen);
    ann.presence.onBeat(listen);
    await heard.insist(
      () => {
        isSending = true;
        ann.messages.send(ANN, bytes('message'));
        ann.presence.beat(bytes('beat'));
        isSending = false;
      },
      `${ANN} message`,
      `${ANN} beat`,
    );
    assert.ok(!heard.all.some((what) => what.startsWith('too early')));
  });

  check('bytes may be changed by who sent them, and by who got them', async (under) => {
    const [ann, ben, double] = [await under.open(ANN), await under.open(BEN), await under.open(BEN)];
    const [first, second] = [new Heard(), new Heard()];
    for (const [member, heard] of [[ben, first] as const, [double, second] as const]) {
      const listen = (from: string, given: Uint8Array): void => {
        heard.listen(from, given);
        given.fill(0);
      };
      member.messages.onMessage(listen);
      member.presence.onBeat(listen);
      member.messages.onQuestion(async (from, question) => {
        listen(from, question);
        return question;
      });
    }
    const send = (): void => {
      const [message, beat] = [bytes('message'), bytes('beat')];
      ann.messages.send(BEN, message);
      ann.presence.beat(beat);
      message.fill(0);
      beat.fill(0);
    };
    for (const heard of [first, second]) await heard.insist(send, `${ANN} message`, `${ANN} beat`);
    const question = bytes('question');
    const asked = ann.messages.ask(BEN, question, LATE).catch(() => undefined);
    question.fill(0);
    await asked;
    await askUntilAnswered(ann, BEN, 'question');
    const known = new Set([`${ANN} message`, `${ANN} beat`, `${ANN} question`]);
    assert.deepEqual(
      [...first.all, ...second.all].filter((what) => !known.has(what)),
      [],
    );
  });

  check('a message may have `largest` bytes, and not one more', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const { largest } = ann.messages;
    const [most, more] = [new Uint8Array(largest).fill(1), new Uint8Array(largest + 1)];
    const heard = new Heard();
    const listen = (_from: string, { length }: Uint8Array): void => heard.add(`${length}`);
    ben.messages.onMessage(listen);
    ben.presence.onBeat(listen);
    ben.messages.onQuestion(async (_from, { length }) => (length === 0 ? more : new Uint8Array(length)));
    await heard.insist(() => ann.messages.send(BEN, most), `${largest}`);
    await heard.insist(() => ann.presence.beat(new Uint8Array(1_000)), '1000');
    assert.throws(() => ann.messages.send(BEN, more), withCode('MESH_MESSAGE_TOO_LARGE'));
    assert.throws(() => ann.presence.beat(more), withCode('MESH_MESSAGE_TOO_LARGE'));
    await assert.rejects(ann.messages.ask(BEN, more, LATE), withCode('MESH_MESSAGE_TOO_LARGE'));
    await assert.rejects(gather(ann.messages.askAll(more, LATE)), withCode('MESH_MESSAGE_TOO_LARGE'));
    await assert.rejects(ann.messages.ask(BEN, new Uint8Array(), SOON), withCode('MESH_NO_ANSWER'));
    assert.equal((await ann.messages.ask(BEN, most, { patience: 10_000 })).length, largest);
  });

  check('who is not named by a word is refused', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const heard = new Heard();
    ben.messages.onMessage(heard.listen);
    ben.messages.onQuestion(async () => bytes('answered'));
    for (const name of NO_WORDS) {
      assert.throws(() => ann.messages.send(name, bytes('to many?')), withCode('MESH_NAME_INVALID'), name);
      await assert.rejects(ann.messages.ask(name, bytes('whom?'), LATE), withCode('MESH_NAME_INVALID'), name);
    }
    await heard.insist(() => ann.messages.send(BEN, bytes('to Ben')), `${ANN} to Ben`);
    assert.deepEqual([...new Set(heard.all)], [`${ANN} to Ben`]);
  });

  check('listeners hear nothing once they are disposed of', async (under) => {
    const ann = await under.open(ANN);
    const [gone, here] = [new Heard(), new Heard()];
    const listening = [ann.messages.onMessage(gone.listen), ann.presence.onBeat(gone.listen)];
    ann.messages.onMessage(here.listen);
    ann.presence.onBeat(here.listen);
    await here.insist(() => ann.messages.send(ANN, bytes('before')), `${ANN} before`);
    for (const one of listening) one[Symbol.dispose]();
    const sent = gone.all.length;
    const send = (): void => {
      ann.messages.send(ANN, bytes('after'));
      ann.presence.beat(bytes('beat'));
    };
    await here.insist(send, `${ANN} after`, `${ANN} beat`);
    assert.equal(gone.all.length, sent);
  });

  check('one function may listen twice, and stop once', async (under) => {
    const ann = await under.open(ANN);
    const heard = new Heard();
    const once = ann.messages.onMessage(heard.listen);
    ann.messages.onMessage(heard.listen);
    once[Symbol.dispose]();
    once[Symbol.dispose]();
    await heard.insist(() => ann.messages.send(ANN, bytes('still')), `${ANN} still`);
  });
}

/** Questions and answers. */
export function questionsContract(check: Check): void {
  check('each question gets its own answer', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    ben.messages.onQuestion(async (from, question) => bytes(`${from} asked ${textOf(question)}`));
    ann.messages.onQuestion(async () => new Uint8Array());
    await askUntilAnswered(ann, BEN, 'ready?');
    const asked = Array.from({ length: 100 }, (_, index) => ann.messages.ask(BEN, bytes(`${index}`), { patience: 20_000 }));
    assert.deepEqual(
      (await Promise.all(asked)).map(textOf),
      asked.map((_, index) => `${ANN} asked ${index}`),
    );
    assert.equal(await askUntilAnswered(ann, ANN, 'me?'), '', 'an empty answer is one, also to oneself');
  });

  check('who is not there, or has no handler any more, does not keep anybody waiting', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    await assert.rejects(ann.messages.ask(CAT, bytes('there?'), LATE), withCode('MESH_NO_ANSWER'));
    await assert.rejects(ann.messages.ask(BEN, bytes('a handler?'), LATE), withCode('MESH_NO_ANSWER'));
    const handling = ben.messages.onQuestion(async () => bytes('here'));
    await askUntilAnswered(ann, BEN, 'there?');
    handling[Symbol.dispose]();
    await assert.rejects(ann.messages.ask(BEN, bytes('still?'), { patience: 5_000 }), withCode('MESH_NO_ANSWER'));
  });

  check('silence, failures and lateness are no answers', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const held = Promise.withResolvers<Uint8Array>();
    ben.messages.onQuestion((_from, question) => {
      const asked = textOf(question);
      if (asked === 'throw') throw new Error('at once');
      if (asked === 'reject') return Promise.reject(new Error('later'));
      return asked === 'late' ? held.promise : Promise.resolve(asked === 'ok' ? bytes('yes') : undefined);
    });
    await askUntilAnswered(ann, BEN, 'ok');
    for (const question of ['nothing', 'throw', 'reject', 'late']) {
      await assert.rejects(ann.messages.ask(BEN, bytes(question), SOON), withCode('MESH_NO_ANSWER'), question);
    }
    held.resolve(bytes('too late'));
    assert.equal(await askUntilAnswered(ann, BEN, 'ok'), 'yes', 'it goes on answering, and nothing is mixed up');
  });

  check('the handler given last answers, whatever becomes of the one before', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const old = ben.messages.onQuestion(async () => bytes('old'));
    await askUntilAnswered(ann, BEN, 'who?');
    ben.messages.onQuestion(async () => bytes('new'));
    assert.equal(await askUntilAnswered(ann, BEN, 'who?'), 'new');
    old[Symbol.dispose]();
    assert.equal(await askUntilAnswered(ann, BEN, 'who?'), 'new');
  });

  check('who asks may stop, before and while it waits', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const asked = new Heard();
    ben.messages.onQuestion(async (from, question) => {
      asked.listen(from, question);
      return textOf(question) === 'ready?' ? bytes('yes') : await new Promise<undefined>(() => undefined);
    });
    await askUntilAnswered(ann, BEN, 'ready?');
    const reason = new Error('enough');
    const gone = AbortSignal.abort(reason);
    await rejectsWith(reason, ann.messages.ask(BEN, bytes('never sent'), { ...LATE, signal: gone }));
    await rejectsWith(reason, gather(ann.messages.askAll(bytes('never sent'), { ...LATE, signal: gone })));
    const stop = new AbortController();
    const [one, all] = [
      { ...LATE, signal: stop.signal },
      { ...LATE, signal: stop.signal },
    ];
    const waiting = [ann.messages.ask(BEN, bytes('one'), one), gather(ann.messages.askAll(bytes('all'), all))];
    const ended = waiting.map(async (asking) => await rejectsWith(reason, asking));
    await asked.until((list) => list.includes(`${ANN} one`) && list.includes(`${ANN} all`));
    stop.abort(reason);
    await Promise.all(ended);
    assert.ok(!asked.all.includes(`${ANN} never sent`));
  });

  check('a question to all is answered by all others that have something to say', async (under) => {
    const members = [await under.open(ANN), await under.open(BEN), await under.open(CAT), await under.open('did:key:z6MkDumb')];
    for (const member of members) {
      const isDumb = member.self === 'did:key:z6MkDumb';
      member.messages.onQuestion(async (_from, question) => (isDumb ? undefined : bytes(`re: ${textOf(question)}`)));
    }
    const [ann] = members;
    await askUntilAnswered(ann!, BEN, 'ready?');
    await askUntilAnswered(ann!, CAT, 'ready?');
    const answers = await gather(ann!.messages.askAll(bytes('who?'), { patience: 500 }));
    const said = answers.map(({ from, answer }) => `${from} ${textOf(answer)}`);
    assert.deepEqual([...new Set(said)].toSorted(), [`${BEN} re: who?`, `${CAT} re: who?`]);
    for await (const { from } of ann!.messages.askAll(bytes('anybody?'), LATE)) {
      assert.notEqual(from, ANN);
      break;
    }
    const alone = await under.openElsewhere(ANN);
    assert.deepEqual(await gather(alone.messages.askAll(bytes('anybody?'), SOON)), []);
  });

  check('who has left hears and sends nothing, and does not wait', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const [gone, here] = [new Heard(), new Heard()];
    ann.messages.onMessage(gone.listen);
    ann.presence.onBeat(gone.listen);
    ben.messages.onMessage(here.listen);
    ben.presence.onBeat(here.listen);
    const asked = new Heard();
    ben.messages.onQuestion(async (from, question) => {
      asked.listen(from, question);
      return textOf(question) === 'ready?' ? bytes('yes') : await new Promise<undefined>(() => undefined);
    });
    await askUntilAnswered(ann, BEN, 'ready?');
    const waiting = [ann.messages.ask(BEN, bytes('one'), LATE), gather(ann.messages.askAll(bytes('all'), LATE))];
    const ended = waiting.map(async (asking) => await assert.rejects(asking, withCode('MESH_UNREACHABLE')));
    const watching = [
      gather(ann.records.watch('', new AbortController().signal)),
      gather(ann.journals.read('j', 0, new AbortController().signal)),
    ];
    await asked.until((list) => list.includes(`${ANN} one`) && list.includes(`${ANN} all`));
    await ann[Symbol.asyncDispose]();
    await ann[Symbol.asyncDispose]();
    await Promise.all(ended);
    await Promise.all(watching);
    const heard = gone.all.length;
    ann.messages.send(BEN, bytes('from the grave'));
    ann.presence.beat(bytes('from the grave'));
    for (const late of [
      () => ann.messages.ask(BEN, bytes('?'), LATE),
      () => ann.records.get('key'),
      () => ann.records.put('key', bytes(''), 0),
    ]) {
      await assert.rejects(late(), withCode('MESH_UNREACHABLE'));
    }
    const send = (): void => {
      ben.messages.send(ANN, bytes('anybody?'));
      ben.messages.send(BEN, bytes('me'));
      ben.presence.beat(bytes('beat'));
    };
    await here.insist(send, `${BEN} me`, `${BEN} beat`);
    assert.ok(!here.all.includes(`${ANN} from the grave`));
    assert.equal(gone.all.length, heard);
  });
}
