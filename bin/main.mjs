// Imports the code of the command. A checkout has the sources. The package has the built library,
// because Node.js runs no TypeScript in node_modules.
import { existsSync } from 'node:fs'

const source = new URL('../src/main.ts', import.meta.url)
const built = new URL('../dist/library/src/main.js', import.meta.url)

export const { main } = await import((existsSync(source) ? source : built).href)
