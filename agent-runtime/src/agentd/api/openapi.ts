import { z } from 'zod';
import { apiError } from '../../protocol/agent-api.ts';
import { runtimeVersion } from '../version.ts';
import type { Route } from './route.ts';

/** The OpenAPI 3.1 document of the routes, made from the schemas that also check the requests. */
export function openApiDocument(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Dormouse agent', version: runtimeVersion },
    security: [{ bearer: [] }, { key: [] }],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        key: { type: 'apiKey', in: 'header', name: 'x-dormouse-key' },
      },
    },
    paths,
  };
}

function operation(route: Route): object {
  const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = Object.entries(route.query ?? {}).map(([name, description]) => ({
    name,
    in: 'query',
    description,
    schema: { type: 'integer', minimum: 0 },
  }));
  const answers = Object.entries(route.answers).map(([status, { description, schema, mediaType }]) => {
    const content =
      schema === undefined && mediaType === undefined ? {} : { content: media(mediaType, schema) };
    return [status, { description, ...content }] as const;
  });
  const failure = { description: 'What went wrong, and what to do.', content: media(undefined, apiError) };
  return {
    summary: route.summary,
    ...(route.open === true && { security: [] }),
    parameters: [...inPath, ...inQuery],
    ...(route.body !== undefined && {
      requestBody: { required: true, content: media(undefined, route.body) },
    }),
    responses: { ...Object.fromEntries(answers), default: failure },
  };
}

function media(mediaType: string | undefined, schema: z.ZodType | undefined): object {
  if (schema === undefined) return { [mediaType ?? 'text/plain']: { schema: { type: 'string' } } };
  const { $schema: _, ...json } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' });
  return { [mediaType ?? 'application/json']: { schema: json } };
}
