-- Returns the history without the unfinished answer, which a reader gets from its log.
-- KEYS session history messages
-- RETURNS shared messages...
-- USES stored

local state, logId, shared =
  unpack(redis.call('HMGET', key.session, 'state', 'logId', 'shared'))
local messages = {}
for _, id in ipairs(redis.call('LRANGE', key.history, 0, -1)) do
  if state == 'idle' or id ~= logId then
    table.insert(messages, stored(key.messages, id, id))
  end
end
return returns({ shared = shared, messages = messages })
