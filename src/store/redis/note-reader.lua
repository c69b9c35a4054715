-- Notes the lowest profile that a log was served as: what a successor may write depends on it.
-- Profiles are ordered as text. Without a nonce, since the lowest of two is the lowest of three.
-- KEYS session
-- ARGV logId profile
-- RETURNS noted

local state, logId, floor = unpack(redis.call('HMGET', key.session, 'state', 'logId', 'floor'))
local unfinished = (state == 'running' or state == 'waiting') and logId == arg.logId
if not unfinished or (floor ~= '' and floor <= arg.profile) then return returns({}) end
redis.call('HSET', key.session, 'floor', arg.profile)
return returns({ noted = true })
