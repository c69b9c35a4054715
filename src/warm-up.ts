import { loadConnections } from './model/network/connections.ts'

/**
 * Loads the modules that the first turn needs and an import of the library does not load: the runner, Loom's own
 * model client, and the packages `ai`, `undici` and `zod`. A server calls this before it listens, and
 * `new Loom` calls it in the background, so that the first request does not wait for it.
 */
export async function warmUp(): Promise<void> {
  await Promise.all([
    loadConnections(),
    import('ai'),
    import('zod/v4'),
    import('./model/adapt.ts'),
    import('./model/demo.ts'),
    import('./model/openai-compatible.ts'),
    import('./model/registry-models.ts'),
    import('./model/registry/shipped.ts'),
    import('./runner.ts'),
    import('./session/turn-work.ts'),
  ])
}
