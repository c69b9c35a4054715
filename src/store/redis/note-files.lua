-- Notes the bytes of the files of a session that another store keeps.
-- KEYS session
-- ARGV bytes
-- RETURNS size
-- USES size

local state = redis.call('HGET', key.session, 'state')
if not state or state == 'deleted' then return returns({}) end
redis.call('HSET', key.session, 'fileBytes', arg.bytes)
return returns({ size = sizeOf() })
