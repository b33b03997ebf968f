import type { ServerResponse } from 'node:http';

/** What a server says of a client that did not wait, since nginx. */
export const clientLeftStatus = 499;

/** Why a request is given up that nobody waits for any more. */
export class ClientLeft extends Error {}

/** Aborts when the client leaves before all of its answer is written. */
export function abortWhenLeft(response: ServerResponse, controller: AbortController): void {
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new ClientLeft());
  });
}
