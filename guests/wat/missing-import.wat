;; Refused: wants a function nobody offers.
(module
  (import "env" "nobody_offers_this" (func))
  (memory (export "memory") 1)
  (func (export "_start")))
