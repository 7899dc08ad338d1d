//! A small seeded source of numbers; nothing here needs to be unpredictable.

/// Numbers that depend on nothing but a seed.
///
/// # Source
///
/// The generator is SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators" (2014).
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Builds dice for one purpose; equal `parts` in equal order give equal throws.
    pub fn new(parts: &[u64]) -> Self {
        let mut dice = Self { state: 0x5EED_0F5A_11CE_D001 };
        for part in parts {
            dice.state = dice.throw() ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        dice
    }

    /// Returns the next number, any of the 2^64.
    pub fn throw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number in `0..bound`.
    ///
    /// # Panics
    ///
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "dice need at least one face");
        self.throw() % bound
    }

    /// Returns one of `choices`.
    ///
    /// # Panics
    ///
    /// If `choices` is empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_throws_of_a_seed_never_change() {
        let mut dice = Dice::new(&[1, 2, 3]);
        let first: Vec<u64> = (0..3).map(|_| dice.below(1_000)).collect();
        assert_eq!(first, [366, 602, 172]);
    }

    #[test]
    fn other_parts_give_other_throws() {
        assert_ne!(Dice::new(&[1, 2]).throw(), Dice::new(&[2, 1]).throw());
        assert_ne!(Dice::new(&[1]).throw(), Dice::new(&[1, 0]).throw());
    }
}
