/** What a person tells the program itself while everything else goes to the workspace. */
export type Told = 'detach' | 'help';

const newlines = new Set(['\r', '\n']);

/** Finds `~.` and `~?` at the beginning of a line, as ssh has them, in what is typed; `~~` there is one `~`. */
export class Escape {
  #atStart = true;
  #pending = false;

  /** What goes on to the workspace, and what was told; nothing after a `detach` goes on. */
  push(typed: Buffer): { pass: Buffer; told: Told | undefined } {
    // Bytes as characters: what is looked for is ASCII, and no byte of a longer character is.
    let pass = '';
    for (const character of typed.toString('latin1')) {
      if (this.#pending) {
        this.#pending = false;
        if (character === '.') return { pass: bytes(pass), told: 'detach' };
        if (character === '?') return { pass: bytes(pass), told: 'help' };
        // Anything else was meant as it is.
        if (character !== '~') pass += '~';
      } else if (this.#atStart && character === '~') {
        this.#pending = true;
        this.#atStart = false;
        continue;
      }
      pass += character;
      this.#atStart = newlines.has(character);
    }
    return { pass: bytes(pass), told: undefined };
  }
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
