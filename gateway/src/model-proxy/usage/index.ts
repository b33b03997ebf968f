/** What an answer of a model comes to, read as it passes. */
export { ErrorReader } from './error-reader.ts';
export { type Reader, readerOf } from './reader.ts';
export { mostInput, SeenUsage } from './seen-usage.ts';
export { Tap } from './tap.ts';
