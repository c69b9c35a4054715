-- Returns the record of a session, in one step.
-- KEYS session mail
-- RETURNS tenant agent title state created updated claim owner turnAgent logId letterId last started takeovers floor stop error spentInput spentOutput spentCached spentReasoning spentUsd spentUnknown held due unfinishedSpent tasks subject members bytes fileBytes v queued
-- USES record

local values = { queued = redis.call('ZCARD', key.mail) }
for index, value in ipairs(redis.call('HMGET', key.session, unpack(names))) do
  values[names[index]] = value
end
return returns(values)
