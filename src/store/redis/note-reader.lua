-- Stores the lowest profile that a log was sent in. A successor writes only events that this profile shows.
-- `order` names the profiles, the lowest first, with a space around each. A stored profile that it does not
-- name comes from another version: `lowest` replaces it. It keeps no reply, because a repetition stores the
-- same profile.
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
