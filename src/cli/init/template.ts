/**
 * The files of a new project. They are text in a module, so that every artefact contains them.
 * `test/cli/init.test.ts` runs them.
 */

export interface TemplateOptions {
  /** The name of the npm package. */
  name: string
  /** The version of Loom that writes the project. */
  version: string
}

/** Returns the files by their paths in the project. */
export const projectFiles = (options: TemplateOptions): ReadonlyMap<string, string> =>
  new Map([
    ['agents/assistant.ts', agent],
    ['tools/count-words.ts', tool],
    ['test/assistant.test.ts', test],
    ['package.json', `${JSON.stringify(manifest(options), undefined, 2)}\n`],
    ['tsconfig.json', `${JSON.stringify(compilerSettings, undefined, 2)}\n`],
    ['Dockerfile', dockerfile],
    ['README.md', readme(options)],
    ['.gitignore', 'node_modules/\n.env\n'],
    ['.dockerignore', 'node_modules/\n.env\n.git/\n'],
  ])

const agent = `import { defineAgent } from 'loomkit'

import { countWords } from '../tools/count-words.ts'

export const assistant = defineAgent({
  name: 'assistant',
  description: 'Answers questions and counts words.',
  systemPrompt: 'You are a helpful assistant. Answer briefly. Count words with count_words.',
  tools: [countWords],
})
`

const tool = `import { defineTool } from 'loomkit'
import { z } from 'zod'

export const countWords = defineTool({
  name: 'count_words',
  description: 'Counts the words of a text.',
  inputSchema: z.object({ text: z.string() }),
  retry: 'safe', // It has no side effects, so Loom may run it again after a server died.
  execute: ({ text }) => ({ words: text.split(/\\s+/).filter((word) => word !== '').length }),
})
`

const test = `import assert from 'node:assert/strict'
import { test } from 'node:test'

import { run } from 'loomkit'
import { scriptedModel } from 'loomkit/testing'

import { assistant } from '../agents/assistant.ts'

test('the assistant counts words with its tool', async () => {
  const call = { toolName: 'count_words', input: { text: 'one two three' } }
  const model = scriptedModel([{ toolCalls: [call] }, 'Three words.'])
  const { text } = await run(assistant, 'Count: one two three', { model })
  assert.equal(text, 'Three words.')
  assert.deepEqual(model.calls[1]?.toolResults[0]?.output, { words: 3 })
  model.assertEnd()
})

test('the assistant answers with the demo model, without a key', async () => {
  const model = 'demo/assistant'
  const { text } = await run(assistant, 'Use count_words {"text": "a b"}', { model })
  assert.match(text, /"words":2/)
})
`

const manifest = ({ name, version }: TemplateOptions) => ({
  name,
  version: '0.1.0',
  private: true,
  type: 'module',
  scripts: {
    dev: 'loom dev',
    start: 'loom serve',
    test: 'node --test',
    check: 'tsc',
  },
  dependencies: { loomkit: `^${version}`, zod: '^4.1.8' },
  devDependencies: { '@types/node': '^26.0.0', typescript: '^7.0.0' },
  engines: { node: '>=22.19.0' },
})

const compilerSettings = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
  },
  include: ['agents', 'tools', 'test'],
}

const dockerfile = `FROM node:26-slim
WORKDIR /app
COPY package.json package-lock.json* ./
RUN npm install --omit=dev
COPY agents agents
COPY tools tools
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \\
  CMD ["node", "-e", "fetch(\`http://127.0.0.1:\${process.env.PORT}/healthz\`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm: the server itself must receive SIGTERM, so that it can finish or hand over its turns.
CMD ["node", "node_modules/loomkit/bin/loom.mjs", "serve"]
`

const readme = ({ name }: TemplateOptions) => `# ${name}

AI agents, served by [Loom](https://www.npmjs.com/package/loomkit). You need Node.js 22.19 or later, no key and no database.

\`\`\`sh
npm install
npm run dev
\`\`\`

Open http://127.0.0.1:3000, or ask in a terminal:

\`\`\`sh
npx loom --agent ./agents/assistant.ts 'Use count_words {"text": "to be or not"}'
curl -N 'http://127.0.0.1:3000/api/chat?protocol=text' -d '{"message": "Hello!"}'
\`\`\`

- **An agent** is a file in \`agents/\`. To add one, add a file: \`npm run dev\` serves it at once. Conversations go on.
- **A tool** is a function with a schema in \`tools/\`. Agents import their tools.
- **A test** is a file in \`test/\`. \`npm test\` runs all tests, \`npm run check\` checks the types.

The built-in model \`demo/assistant\` calls tools, but it does not understand language. Set a real model and its key:

\`\`\`sh
LOOM_MODEL=anthropic/claude-sonnet-4-6 ANTHROPIC_API_KEY=… npm run dev
\`\`\`

In a container, callers need a key:

\`\`\`sh
docker build -t ${name} .
docker run -p 3000:3000 -e LOOM_API_KEYS=a-long-secret ${name}
\`\`\`

With \`REDIS_URL\`, several instances share the conversations, and an answer outlives the instance that writes it.
`
