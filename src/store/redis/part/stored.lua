-- A message as readers get it. A message that forks share is stored as `@` and the number of its segment
-- (`shared-messages.ts`). The reader then gets the id too, because the segment has it under its id.

local function stored(hash, field, id)
  local message = redis.call('HGET', hash, field)
  if message and string.byte(message) == 64 then return message .. ' ' .. id end
  return message
end
