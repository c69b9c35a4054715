-- Returns the data that a turn loads: the context, the summary, and the history after the last message that the
-- summary replaces. The search for this message begins at the end, where it usually is.
-- KEYS session history messages
-- RETURNS summary through context shared messages...
-- USES stored

local state, logId, summary, through, context, turnContext, shared = unpack(redis.call('HMGET',
  key.session, 'state', 'logId', 'summary', 'through', 'context', 'turnContext', 'shared'))
local at = through and redis.call('LPOS', key.history, through, 'RANK', -1)
local messages = {}
for _, id in ipairs(redis.call('LRANGE', key.history, at and at + 1 or 0, -1)) do
  if state == 'idle' or id ~= logId then
    table.insert(messages, stored(key.messages, id, id))
  end
end
if state ~= 'idle' then context = turnContext end
return returns({
  summary = at and summary, through = at and through, context = context, shared = shared,
  messages = messages,
})
