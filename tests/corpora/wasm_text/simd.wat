(module (memory 1) (func (export "s") (param v128 i32) (result v128) (local v128)
 (local.set 2 (i8x16.shuffle 0 1 2 3 4 5 6 7 24 25 26 27 28 29 30 31 (local.get 0) (v128.const i32x4 1 2 3 4)))
 (v128.store offset=16 (local.get 1) (f32x4.add (local.get 2) (f32x4.splat (f32.const 1.5)))) (v128.store8_lane 3 (local.get 1) (local.get 0))
 (i16x8.replace_lane 2 (v128.load32x2_s (local.get 1)) (i8x16.extract_lane_s 5 (local.get 0)))))
