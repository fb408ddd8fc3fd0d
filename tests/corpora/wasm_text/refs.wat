(module (import "env" "f" (func $f (param externref) (result funcref))) (import "env" "t" (table $t 2 externref)) (import "env" "g" (global i32)) (table $u 3 8 funcref)
 (elem declare func $h) (elem $e funcref (ref.null func) (ref.func $h)) (elem (table $u) (global.get 0) func $h $f)
 (func $h (export "h") (param externref) (result funcref) (table.set $t (i32.const 0) (local.get 0)) (drop (ref.is_null (table.get $t (i32.const 0)))) (table.init $u $e (i32.const 0) (i32.const 0) (i32.const 2)) (elem.drop $e)
  (drop (table.grow $u (ref.func $h) (i32.const 2))) (table.fill $u (i32.const 0) (ref.null func) (table.size $u)) (table.copy $u $u (i32.const 0) (i32.const 1) (i32.const 1)) (select (result funcref) (ref.func $h) (call $f (local.get 0)) (i32.const 0))))
