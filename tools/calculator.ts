/** Arithmetic, which language models often get wrong. Runs no code: see `calculator/expression.ts`. */
import { defineTool } from '../src/define-tool.ts'
import { zodSchema } from '../src/ground/schema.ts'
import { evaluate } from './calculator/expression.ts'

export const calculator = defineTool({
  name: 'calculator',
  title: 'Calculator',
  description:
    'Evaluates an arithmetic expression. Accepts + - * / % (remainder) ^ and **, parentheses, ' +
    'sqrt abs round floor ceil min max sin cos tan (radians), log (base 10), ln, exp, pi and e.',
  inputSchema: zodSchema((z) =>
    z.object({
      expr: z
        .string()
        .min(1)
        .max(1_000)
        .describe('The expression, for example "(2 + 3) * sqrt(16)"'),
    }),
  ),
  retry: 'safe',
  execute: ({ expr }) => ({ result: evaluate(expr) }),
})
