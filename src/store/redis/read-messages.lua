-- Returns the history without the unfinished answer, which a reader gets from its log.
-- KEYS session history messages
-- RETURNS messages...

local state, logId = unpack(redis.call('HMGET', key.session, 'state', 'logId'))
local messages = {}
for _, id in ipairs(redis.call('LRANGE', key.history, 0, -1)) do
  if state == 'idle' or id ~= logId then
    table.insert(messages, redis.call('HGET', key.messages, id))
  end
end
return returns({ messages = messages })
