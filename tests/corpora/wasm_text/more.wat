(module (memory $a i64 1) (memory $b 1) (func $f (param i32) (result i32) (if (i32.eqz (local.get 0)) (then (return (i32.const 1)))) (return_call $f (i32.sub (local.get 0) (i32.const 1))))
 (global i32 (i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3)))) (func (drop (i32.load $b (i32.const 0))) (drop (i64.load $a offset=8 (i64.const 5))) unreachable (i32.add) (drop) (br 0)))
