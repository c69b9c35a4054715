-- Returns the records of sessions of one tree, in one step: of each, the values of `read-session`. The caller
-- bounds their number.
-- KEYS session mail ...
-- RETURNS tenant agent title state created updated claim owner turnAgent logId letterId last started takeovers floor stop error spentInput spentOutput spentCached spentReasoning spentUsd spentUnknown held due unfinishedSpent tasks subject members bytes fileBytes v queued ...
-- USES record

local reply = {}
for each = 1, #KEYS, 2 do
  local values = redis.call('HMGET', KEYS[each], unpack(names))
  for index = 1, #names do
    reply[#reply + 1] = values[index] or ''
  end
  reply[#reply + 1] = tostring(redis.call('ZCARD', KEYS[each + 1]))
end
return reply
