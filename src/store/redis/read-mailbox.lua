-- Returns the letters that wait, in the order in which they will be taken.
-- KEYS mail letters
-- RETURNS letters...

local letters = {}
for _, id in ipairs(redis.call('ZRANGE', key.mail, 0, -1)) do
  table.insert(letters, redis.call('HGET', key.letters, id))
end
return returns({ letters = letters })
