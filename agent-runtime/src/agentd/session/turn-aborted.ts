/** The reason with which a running turn's signal is aborted. */
export class TurnAborted extends Error {
  override readonly name = 'TurnAborted';
  /** `person`: somebody stopped the turn, and it is settled. `pause`: it goes on later, from what is on disk. */
  readonly by: 'person' | 'pause';

  constructor(by: 'person' | 'pause', message: string) {
    super(message);
    this.by = by;
  }
}
