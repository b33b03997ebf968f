import type { Pod } from '../../kube/index.ts';

/** The workspace of a world. */
export const name = { namespace: 'team', name: 'hello' };

export function claimOfPod(pod: Pod | undefined): string {
  return (
    pod?.spec?.volumes?.find((each) => each.persistentVolumeClaim)?.persistentVolumeClaim?.claimName ?? ''
  );
}
