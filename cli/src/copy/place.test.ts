import { expect, it } from 'vitest';
import { parsePlace } from './place.ts';

it('tells a path in a workspace, relative to its home, from one of this machine', () => {
  const at = (path: string) => ({ workspace: 'ada', path });
  expect(parsePlace('ada:')).toEqual(at('/home/agent'));
  expect(parsePlace('ada:a/../b c')).toEqual(at('/home/agent/b c'));
  expect(parsePlace('ada:~/b')).toEqual(at('/home/agent/b'));
  expect(parsePlace('ada:/tmp/x/')).toEqual(at('/tmp/x'));
  expect(parsePlace('ada:-rf')).toEqual(at('/home/agent/-rf'));
  expect(parsePlace('./ada:x')).toEqual({ path: './ada:x' });
  expect(parsePlace('file')).toEqual({ path: 'file' });
});
