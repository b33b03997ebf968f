import { z } from 'zod';

/** The first line of `POST /pipes`, as JSON: a program whose input is the rest of the request's body. */
export const pipeRequest = z.object({
  command: z.string().min(1).max(65_536),
  args: z.array(z.string().max(131_072)).max(1000),
  cwd: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
});
export type PipeRequest = z.infer<typeof pipeRequest>;

/** A line of the answer. `exit` is the last one; an answer without it was cut off. */
export const pipeEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('started') }),
  z.object({ type: z.literal('output'), stream: z.enum(['stdout', 'stderr']), text: z.string() }),
  z.object({ type: z.literal('exit'), code: z.int().nullable(), signal: z.string().nullable() }),
]);
export type PipeEvent = z.infer<typeof pipeEvent>;

/** Header fields in their order; a name may come more than once. */
const fields = z.array(z.tuple([z.string().max(256), z.string().max(65_536)])).max(200);

/** The first line of `POST /outbound`, as JSON: an HTTP request whose body is the rest of the request's body. */
export const outboundRequest = z.object({
  method: z.string().regex(/^[A-Z]{1,16}$/),
  url: z.url({ protocol: /^https?$/ }).max(8192),
  headers: fields,
});
export type OutboundRequest = z.infer<typeof outboundRequest>;

/** The first line of the answer, as JSON; the body that was answered follows, as it came. */
export const outboundAnswer = z.object({ status: z.int().min(100).max(599), headers: fields });

/** What a command of the workspace finds in its environment: the image's, `spec.env`, and the fixed ones. */
export const environmentResult = z.record(z.string(), z.string());
