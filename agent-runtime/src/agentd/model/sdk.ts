/**
 * What is used of the SDK. `Anthropic` would bring a client of every other part of the API with it, a fifth of agentd, of which nothing
 * is asked for.
 */
export { BaseAnthropic } from '@anthropic-ai/sdk/client';
export { Messages as BetaMessages } from '@anthropic-ai/sdk/resources/beta/messages/messages';
export { Messages } from '@anthropic-ai/sdk/resources/messages/messages';
