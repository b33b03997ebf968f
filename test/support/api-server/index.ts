export { ApiServer, answer, cut, hang } from './server.ts';
