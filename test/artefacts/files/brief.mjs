export default { name: 'brief', systemPrompt: 'Be brief.', retry: { retries: 0 } }
