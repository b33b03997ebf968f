import { z } from 'zod';
import { failed, succeeded, type Tool } from './tool.ts';

const input = z.strictObject({
  questions: z
    .array(
      z.strictObject({
        question: z.string().min(1).max(2_000).describe('The whole question, as a sentence.'),
        header: z.string().max(60).optional().describe('What it is about, in a word or two.'),
        options: z
          .array(
            z.strictObject({
              label: z.string().min(1).max(200).describe('The choice, in a few words.'),
              description: z.string().max(2_000).optional().describe('What it means or entails.'),
            }),
          )
          .min(2)
          .max(4)
          .describe('Two to four choices; the person may also say something else.'),
        multiSelect: z.boolean().optional().describe('Whether several may be chosen.'),
      }),
    )
    .min(1)
    .max(4)
    .describe('One to four questions, asked together.'),
});

export const askUserQuestion: Tool<z.infer<typeof input>> = {
  name: 'AskUserQuestion',
  description:
    'Asks a person up to four questions with choices, and waits for the answers, for days if need be. For decisions that are theirs: ' +
    'what they want, which of several ways. Not for what you can find out, and not for consent to a tool call: that is asked by itself.',
  input,
  parallel: false,
  access: () => ({ kind: 'question', tool: 'AskUserQuestion' }),
  summary: ({ questions }) =>
    questions
      .map(({ question, options }) => `${question} (${options.map(({ label }) => label).join(' | ')})`)
      .join(' '),
  asks: ({ questions }) => ({
    questions: questions.map(({ question, options, multiSelect }) => ({
      question,
      options: options.map(({ label, description }) => ({
        label,
        ...(description !== undefined && { description }),
      })),
      several: multiSelect ?? false,
    })),
  }),
  async run({ questions }, { answers }) {
    if (answers?.length !== questions.length) return failed('Nobody answered.');
    const lines = questions.map(({ question }, at) => `${question}\n→ ${answers[at]}`);
    return succeeded(`A person answered:\n${lines.join('\n')}`);
  },
};
