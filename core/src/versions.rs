//! Fields that some versions of the Kubernetes API always have and others only sometimes: in `k8s-openapi` the one is a
//! `T`, the other an `Option<T>`. What is written with these functions builds with all of them.

/// What such a field holds, by value or by reference.
pub fn optional<T>(field: impl Into<Option<T>>) -> Option<T> {
    field.into()
}

/// A value for such a field.
pub fn given<T, F: From<T>>(value: T) -> F {
    F::from(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_and_written_whichever_it_is() {
        let (mut always, mut sometimes) = (vec![1], Some(vec![1]));
        assert_eq!(optional::<&Vec<i32>>(&always), optional::<&Vec<i32>>(&sometimes));
        for list in [optional::<&mut Vec<i32>>(&mut always), optional(&mut sometimes)].into_iter().flatten() {
            list.push(2);
        }
        let both = (optional::<Vec<i32>>(always), optional::<Vec<i32>>(sometimes));
        assert_eq!(both, (Some(vec![1, 2]), Some(vec![1, 2])));
        assert_eq!(optional::<i32>(None), None);
        let (always, sometimes): (i32, Option<i32>) = (given(1), given(1));
        assert_eq!((always, sometimes), (1, Some(1)));
    }
}
