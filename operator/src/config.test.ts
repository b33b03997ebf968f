import { describe, expect, it } from 'vitest';
import { readConfig, usage } from './config.ts';
import { ConfigError } from './flags.ts';

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(readConfig([], {})).toMatchObject({
      namespace: 'dormouse-system',
      reachAgents: 'proxy',
      accessMode: 'ReadWriteOncePod',
      checkpointTimeout: 120_000,
      gatewayHost: 'dormouse-gateway.dormouse-system.svc',
      port: 8080,
    });
  });

  it('reaches agents directly in a cluster, and a flag wins over the environment', () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', DORMOUSE_LOG_LEVEL: 'debug', POD_NAMESPACE: 'a' };
    expect(readConfig(['--namespace', 'b'], env)).toMatchObject({
      namespace: 'b',
      reachAgents: 'direct',
      logLevel: 'debug',
    });
  });

  it('names every value that is not valid, and where it came from', () => {
    const read = () => readConfig(['--port', 'http'], { DORMOUSE_CHECKPOINT_TIMEOUT: 'soon' });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/--port: "http" is not valid/);
    expect(read).toThrow(/DORMOUSE_CHECKPOINT_TIMEOUT: "soon" is not valid: must be a duration/);
  });

  it('wants the host of the gateway alone: its ports are agreed on', () => {
    const env = { DORMOUSE_GATEWAY_HOST: 'door.tools.svc', POD_NAMESPACE: 'tools' };
    expect(readConfig([], env)).toMatchObject({ gatewayHost: 'door.tools.svc' });
    expect(readConfig(['--namespace', 'tools'], {})).toMatchObject({
      gatewayHost: 'dormouse-gateway.tools.svc',
    });
    expect(() => readConfig(['--gateway-host', 'http://door:8082'], {})).toThrow(/without a port/);
  });

  it('refuses a flag that it does not know', () => {
    expect(() => readConfig(['--nmespace', 'x'], {})).toThrow(/--nmespace/);
  });

  it('explains itself', () => {
    expect(readConfig(['--help'], {})).toBe('help');
    expect(usage).toContain('--kubeconfig FILE');
  });
});
