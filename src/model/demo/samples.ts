/**
 * Two longer texts of the demo model: a story, with time for a reload, a stop or a takeover, and a sample
 * of the Markdown that the terminal and the page show.
 */
export const story = `There was once a loom in a workshop with three doors.

Through the first door came questions, thin as thread. Through the second came answers from far away, a word at a time, and sometimes the far voice fell silent in mid-sentence. The third door had a lamp above it, and behind the lamp sat the person who had asked.

One night the lamp went out, and the weaver left. But every thread was written down in a book on the bench; so another weaver read the last line, and laid the next thread where the old one ended.

When the lamp was lit again, the cloth was whole. Nobody could find the place where the hands had changed.`

export const markdown = `### Markdown

Plain words, **bold** ones, *italic* ones, \`code\` and [links](https://ai-sdk.dev).

- A list,
  1. and one with numbers.

\`\`\`ts
const { text, usage } = await run(assistant, 'What is 6 * 7?')
\`\`\`

| tool | does |
|---|---|
| calculator | arithmetic |
| clock | the time |`
