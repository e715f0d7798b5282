import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backoff } from '../../src/base/backoff.ts';
import { Inbox } from '../../src/base/inbox.ts';

describe('inbox', () => {
  it('gives what was posted, in order, once', () => {
    const inbox = new Inbox<number>();
    inbox.post(1);
    inbox.post(2);
    assert.deepEqual(inbox.take(), [1, 2]);
    assert.ok(inbox.isEmpty);
    assert.deepEqual(inbox.take(), []);
  });

  it('wakes a reader that slept before the post, and one that sleeps after it', async () => {
    const inbox = new Inbox<string>();
    const sleeping = inbox.wait();
    inbox.post('a');
    await sleeping;
    inbox.post('b');
    await inbox.wait();
    assert.deepEqual(inbox.take(), ['a', 'b']);
  });

  it('ends a sleep without a message', async () => {
    const inbox = new Inbox<string>();
    const sleeping = inbox.wait();
    inbox.nudge();
    await sleeping;
    assert.ok(inbox.isEmpty);
  });
});

describe('backoff', () => {
  it('doubles, up to a minute', () => {
    assert.deepEqual(
      [1, 2, 3, 20].map((attempt) => backoff(250, attempt)),
      [250, 500, 1000, 60_000],
    );
  });
});
