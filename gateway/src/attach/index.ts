/** Workspaces, as the gateway reaches them. */
export { Attach } from './attach.ts';
export { Attachments } from './attachments.ts';
export { type Target, targetOf } from './target.ts';
export { WaitingRoom } from './waiting-room.ts';
export { Workspaces } from './workspaces.ts';
