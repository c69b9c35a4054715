-- Reserves a place among the sessions of an owner for one that is about to begin. Without `id`, it reserves nothing. The place
-- ends after `ttlMs`, unless the session begins.
-- KEYS sessions bytes
-- ARGV id max ttlMs
-- RETURNS done sessions bytes
-- USES clock storage

dropExpired()
local sessions, bytes = sums()
local isKnown = redis.call('HEXISTS', key.bytes, arg.id) == 1
local done = isKnown or sessions < (tonumber(arg.max) or math.huge)
if done and not isKnown and arg.id ~= '' then keepSize(arg.id, 0, arg.ttlMs) end
return returns({ done = done, sessions = sessions, bytes = bytes })
