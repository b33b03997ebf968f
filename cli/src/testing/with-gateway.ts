import { afterEach, beforeEach } from 'vitest';
import { GatewayStandIn } from './gateway-stand-in.ts';
import { Person } from './person.ts';

/** For each test of a file: a person with a gateway that takes their token, and with workspace `ada`, which runs unless told otherwise. */
export function withGatewayStandIn(
  ada: Parameters<Person['workspace']>[1] = { status: { phase: 'Running' } },
): {
  readonly person: Person;
  readonly gateway: GatewayStandIn;
} {
  let person: Person;
  let gateway: GatewayStandIn;
  beforeEach(async () => {
    person = await Person.atKeyboard();
    gateway = await GatewayStandIn.open();
    person.env = { DORMOUSE_GATEWAY: gateway.url };
    person.token = 'good';
    person.workspace('ada', ada);
  });
  afterEach(async () => {
    await gateway[Symbol.asyncDispose]();
    await person[Symbol.asyncDispose]();
  });
  return {
    get person() {
      return person;
    },
    get gateway() {
      return gateway;
    },
  };
}
