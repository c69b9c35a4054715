// The command's own code: a checkout has its sources, the package what was built of them, since Node
// runs no TypeScript in node_modules.
import { existsSync } from 'node:fs'

const source = new URL('../src/main.ts', import.meta.url)
const built = new URL('../dist/library/src/main.js', import.meta.url)

export const { main } = await import((existsSync(source) ? source : built).href)
