import { Resolver } from 'node:dns/promises';
import { EgressRefusal } from './refusal.ts';

/**
 * Asks the name servers (ADDRESS:PORT; default: those of the pod), at most twice and for two seconds each. Names are taken whole, without the search list of the cluster,
 * so that a name means the same to the one who allowed it. Not getaddrinfo: its lookups would wait in the threads that the whole
 * process has for files.
 */
export function nameServers(servers?: readonly string[]): (host: string) => Promise<string[]> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  return async (host) => {
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = answers.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
    const failed = answers.find((each) => each.status === 'rejected' && !isAbsence(each.reason));
    if (found.length === 0 && failed?.status === 'rejected')
      throw new EgressRefusal('unresolved', `DNS does not answer about ${host} (${failed.reason.code}).`);
    return found;
  };
}

/** The name, or addresses of that kind, do not exist. */
function isAbsence(error: { code?: string }): boolean {
  return error.code === 'ENOTFOUND' || error.code === 'ENODATA';
}
