// As much of Node's own modules as the tests use, so that they need no package of declarations.

declare module 'node:test' {
  export interface Context {
    test(name: string, options: { timeout: number }, run: () => Promise<void> | void): Promise<void>;
  }
  export function test(name: string, options: { timeout: number }, run: (context: Context) => Promise<void> | void): Promise<void>;
}

declare module 'node:fs' {
  export function readFileSync(path: string | URL): Uint8Array;
  export function readFileSync(path: string | URL, encoding: 'utf8'): string;
  export function readdirSync(path: string | URL): string[];
  export function writeFileSync(path: string, data: Uint8Array | string): void;
  export function mkdtempSync(prefix: string): string;
  export function existsSync(path: string | URL): boolean;
  export function rmSync(path: string, options: { recursive: boolean; force: boolean; maxRetries: number }): void;
}

declare module 'node:os' {
  export function tmpdir(): string;
}

declare module 'node:child_process' {
  interface Pipe {
    on(event: 'data', listener: (chunk: Uint8Array) => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    write(text: string): void;
  }
  interface Child {
    readonly stdio: readonly (Pipe | null)[];
    readonly exitCode: number | null;
    on(event: 'exit', listener: () => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    kill(signal: 'SIGKILL'): void;
  }
  export function spawn(program: string, parameters: readonly string[], options: { stdio: readonly string[] }): Child;
}

declare const process: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly argv: readonly string[];
  getuid?(): number;
  exitCode: number;
};
