/**
 * Explains why a package of CommonJS did not load. esbuild replaces its `require` in a bundle of ES
 * modules by a function that throws, because such a bundle has no `require`.
 */
import { LoomError } from './error.ts'

/** @throws LoomError `invalid-config` in a bundle without `require`, otherwise the error itself */
export function explainImport(cause: unknown): never {
  if (!(cause instanceof Error) || !cause.message.startsWith('Dynamic require of')) throw cause
  throw new LoomError(
    'invalid-config',
    'This bundle of ES modules has no `require`, which a package that Loom loads needs. Bundle with --format=cjs, or define `require` in the banner of the bundle with createRequire of node:module.',
    { cause },
  )
}
