import { expect, it } from 'vitest';
import { markdownOf } from './markdown.ts';
import type { TranscriptEntry } from './transcript.ts';

const entry = (
  role: 'user' | 'assistant',
  content: object[] | string,
  more: object = {},
): TranscriptEntry => ({
  uuid: 'u',
  message: { role, content: content as never },
  ...more,
});

it('writes a conversation as a document that shows what was code and who spoke', () => {
  const entries = [
    entry('user', 'look at **it**', { messageKey: 'm1' }),
    entry('assistant', [
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', id: 't', name: 'Bash', input: { command: 'cat a.md' } },
    ]),
    entry('user', [{ type: 'tool_result', tool_use_id: 't', content: 'with ```` in it' }]),
    entry('user', [{ type: 'tool_result', tool_use_id: 'u', content: 'no', is_error: true }]),
    entry('assistant', [{ type: 'text', text: 'Done.' }]),
    entry('assistant', [{ type: 'compaction', content: 'short' }], { compaction: { preTokens: 9_000 } }),
  ];
  expect(markdownOf('ada:\ndefault', entries)).toBe(
    [
      '# ada: default',
      '## User',
      'look at **it**',
      '## Agent',
      'I look.',
      '```\nBash cat a.md\n```',
      '`````text\nwith ```` in it\n`````',
      '```text failed\nno\n```',
      'Done.',
      '> summarized, from about 9000 tokens: short\n',
    ].join('\n\n'),
  );
});
