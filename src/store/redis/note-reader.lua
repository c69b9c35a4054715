-- Notes the lowest profile that a log was served as: what a successor may write depends on it.
-- `order` names the profiles, the lowest first, with a space around each. A noted profile that it does
-- not name is another version's: `lowest` takes its place. Without a nonce, since the lowest of two is
-- the lowest of three.
-- KEYS session
-- ARGV logId profile order lowest
-- RETURNS noted

local function rank(profile) return string.find(arg.order, ' ' .. profile .. ' ', 1, true) end

local state, logId, floor = unpack(redis.call('HMGET', key.session, 'state', 'logId', 'floor'))
local unfinished = (state == 'running' or state == 'waiting') and logId == arg.logId
if not unfinished then return returns({}) end
local profile = arg.profile
if floor ~= '' then
  if rank(floor) == nil then profile = arg.lowest end
  if rank(floor) ~= nil and rank(floor) <= rank(profile) then return returns({}) end
end
redis.call('HSET', key.session, 'floor', profile)
return returns({ noted = true })
