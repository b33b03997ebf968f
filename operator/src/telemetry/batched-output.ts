import { type DestinationStream, destination } from 'pino';

/** Characters that wait at most: a turn that says more writes in between. */
const most = 8 * 1024;

/**
 * Lines for a file descriptor, written together when the turn of the event loop in which they came is over. What waits when
 * the process exits is written then; a process that is killed loses the lines of one turn.
 */
export function batchedOutput(fd = 1): DestinationStream {
  const output = destination({ fd, sync: true });
  let waiting = '';
  const flush = () => {
    const text = waiting;
    waiting = '';
    if (text !== '') output.write(text);
  };
  process.on('exit', flush);
  return {
    write(line) {
      if (waiting === '') setImmediate(flush);
      waiting += line;
      if (waiting.length >= most) flush();
    },
  };
}
