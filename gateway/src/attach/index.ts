/** Workspaces, as the gateway reaches them. */
export { Attach } from './attach.ts';
export { Attachments } from './attachments.ts';
export { whenConnected } from './forward.ts';
export { requestHeaders, responseHeaders } from './headers.ts';
export { parseRequestPath } from './request-path.ts';
export { crossOriginTermsOf, type Target, targetOf } from './target.ts';
export { WaitingRoom } from './waiting-room.ts';
export { Workspaces } from './workspaces.ts';
