// One parameter row per gap, `[fields, rows]`: neighbouring environments with neighbouring rows read
// neighbouring words. The offsets of the fields are constants written before this text, from `Tables`.
#define_import_path shared::parameters

@group(0) @binding(0) var<storage, read> parameters: array<f32>;

// Row of the environment.
var<private> row: u32;

fn parameter(field: u32) -> f32 {
#ifdef ONE_ROW
    return parameters[field];
#else
    return parameters[field * ROWS + row];
#endif
}
