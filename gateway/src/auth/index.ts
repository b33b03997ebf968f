/** Who asks, and whether they may: both said by the API server. */
export { Authenticator, type Identity } from './authenticator.ts';
export { Authorizer, type Right, type WorkspaceName } from './authorizer.ts';
export { bearerToken, offeredSubprotocols } from './bearer-token.ts';
export { checkOrigin } from './origin.ts';
export { RememberedAnswers } from './remembered-answers.ts';
export { WorkspaceAuthenticator, type WorkspaceIdentity } from './workspace-authenticator.ts';
