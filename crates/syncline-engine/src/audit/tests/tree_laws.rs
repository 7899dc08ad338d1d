//! The tree against the published vectors, against a naive definition, and against forgery.

use proptest::prelude::*;

use super::sample::{flip, leaves};
use crate::audit::Hash;
use crate::audit::hash::from_hex;
use crate::audit::tree::{
    Frontier, Head, LeafPosition, Node, Sizes, TreeError, consistency_path, empty_root,
    inclusion_path, inclusion_paths, leaf_hash, leaves_only, node_hash, root_of,
    verify_consistency, verify_inclusion,
};

/// Every tree up to this size has all its leaves proved.
const INCLUSION_SIZE_MAX: u64 = 200;
/// Every pair of trees up to this size is proved consistent.
const CONSISTENCY_SIZE_MAX: u64 = 64;
/// Trees up to this size are forged in every bit; larger ones in one bit per hash.
const ALL_BITS_SIZE_MAX: u64 = 12;

const ROOTS: &str = include_str!("../../../../../fixtures/audit/rfc6962-roots.txt");
const INCLUSION: &str = include_str!("../../../../../fixtures/audit/rfc6962-inclusion.txt");
const CONSISTENCY: &str = include_str!("../../../../../fixtures/audit/rfc6962-consistency.txt");

/// The words of each line that is no comment.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect())
}

/// The reference tree's leaf hashes, and the root after each.
fn reference() -> Vec<(Hash, Hash)> {
    lines(ROOTS)
        .map(|words| {
            let data = from_hex(words[0].trim_matches('-')).unwrap();
            (leaf_hash(&data), words[1].parse().unwrap())
        })
        .collect()
}

/// The two numbers and the path on each line.
fn reference_paths(text: &str) -> Vec<(u64, u64, Vec<Hash>)> {
    lines(text)
        .map(|words| {
            let path = words[2..].iter().map(|word| word.parse().unwrap()).collect();
            (words[0].parse().unwrap(), words[1].parse().unwrap(), path)
        })
        .collect()
}

fn head(leaves: &[Hash]) -> Head {
    Head { size: leaves.len() as u64, root: root_of(leaves) }
}

/// RFC 6962 §2.1 word by word: the definition that the frontier must agree with.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            node_hash(naive_root(&leaves[..half]), naive_root(&leaves[half..]))
        }
    }
}

#[test]
fn roots_are_those_of_the_reference_tree() {
    let reference = reference();
    assert_eq!(reference.len(), 8);
    let mut tree = Frontier::new();
    for (leaf, root) in reference {
        tree.append(leaf);
        assert_eq!(tree.root(), root, "size {}", tree.size());
    }
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Frontier::new().root().to_string(), of_nothing);
}

#[test]
fn paths_are_those_of_the_reference_tree() {
    let hashes: Vec<_> = reference().into_iter().map(|(leaf, _)| leaf).collect();
    for (index, size, expected) in reference_paths(INCLUSION) {
        let path = inclusion_path(LeafPosition { index, size }, &mut leaves_only(&hashes));
        assert_eq!(path, Ok(expected), "leaf {index} of {size}");
    }
    for (old, new, expected) in reference_paths(CONSISTENCY) {
        let path = consistency_path(Sizes { old, new }, &mut leaves_only(&hashes));
        assert_eq!(path, Ok(expected), "{old} to {new}");
    }
}

#[test]
fn a_frontier_has_the_root_of_the_definition_and_survives_storage() {
    let all = leaves(INCLUSION_SIZE_MAX);
    let mut tree = Frontier::new();
    for (index, leaf) in all.iter().enumerate() {
        assert_eq!(tree.root(), naive_root(&all[..index]), "size {index}");
        assert_eq!(Frontier::decode(&tree.encode()), Ok(tree.clone()), "size {index}");
        assert_eq!(tree.append(*leaf), index as u64);
    }
    let mut at_once = Frontier::new();
    assert_eq!(at_once.append_all(all[..77].iter().copied()), 0);
    assert_eq!(at_once.append_all(all[77..].iter().copied()), 77);
    assert_eq!(at_once, tree);
}

#[test]
fn every_leaf_is_proved_and_no_flipped_bit_passes() {
    for size in 1..=INCLUSION_SIZE_MAX {
        let all = leaves(size);
        let head = head(&all);
        let indexes: Vec<_> = (0..size).collect();
        let paths = inclusion_paths(&indexes, size, &mut leaves_only(&all)).unwrap();
        for ((index, leaf), path) in (0..).zip(&all).zip(&paths) {
            assert!(verify_inclusion(*leaf, index, &head, path), "leaf {index} of {size}");
            for bit in bits_to_flip(size, index) {
                assert_no_forged_leaf(*leaf, index, &head, path, bit);
            }
        }
    }
}

/// All bits of small trees; one bit of large ones, another for each leaf.
fn bits_to_flip(size: u64, index: u64) -> std::ops::Range<usize> {
    match size <= ALL_BITS_SIZE_MAX {
        true => 0..256,
        false => {
            let bit = (size * 31 + index * 7) as usize % 256;
            bit..bit + 1
        }
    }
}

fn assert_no_forged_leaf(leaf: Hash, index: u64, head: &Head, path: &[Hash], bit: usize) {
    let case = format!("leaf {index} of {}, bit {bit}", head.size);
    let forged = Head { root: flip(head.root, bit), ..*head };
    assert!(!verify_inclusion(leaf, index, &forged, path), "root: {case}");
    assert!(!verify_inclusion(flip(leaf, bit), index, head, path), "leaf: {case}");
    for place in 0..path.len() {
        let mut forged = path.to_vec();
        forged[place] = flip(forged[place], bit);
        assert!(!verify_inclusion(leaf, index, head, &forged), "path {place}: {case}");
    }
}

#[test]
fn a_leaf_is_proved_at_its_own_index_only_and_with_its_whole_path_only() {
    for size in 1..=40 {
        let all = leaves(size);
        let head = head(&all);
        for index in 0..size {
            let at = LeafPosition { index, size };
            let path = inclusion_path(at, &mut leaves_only(&all)).unwrap();
            let leaf = all[index as usize];
            for other in (0..=size).filter(|other| *other != index) {
                assert!(!verify_inclusion(leaf, other, &head, &path), "{index} as {other}/{size}");
            }
            let longer = [path.as_slice(), &[leaf]].concat();
            assert!(!verify_inclusion(leaf, index, &head, &longer));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!verify_inclusion(leaf, index, &head, shorter));
            }
        }
    }
}

#[test]
fn every_pair_of_sizes_is_consistent_and_no_flipped_bit_passes() {
    let all = leaves(CONSISTENCY_SIZE_MAX);
    let heads: Vec<_> = (0..=all.len()).map(|size| head(&all[..size])).collect();
    for (old, new) in heads.iter().flat_map(|new| heads.iter().map(move |old| (old, new))) {
        let sizes = Sizes { old: old.size, new: new.size };
        let path = consistency_path(sizes, &mut leaves_only(&all));
        if old.size > new.size {
            assert_eq!(path, Err(TreeError::Shrunk { old: old.size, new: new.size }));
            assert!(!verify_consistency(old, new, &[]));
            continue;
        }
        let path = path.unwrap();
        assert!(verify_consistency(old, new, &path), "{sizes:?}");
        for bit in bits_to_flip(new.size, old.size) {
            assert_no_forged_growth(old, new, &path, bit);
        }
    }
}

fn assert_no_forged_growth(old: &Head, new: &Head, path: &[Hash], bit: usize) {
    let case = format!("{} to {}, bit {bit}", old.size, new.size);
    let forged = Head { root: flip(old.root, bit), ..*old };
    assert!(!verify_consistency(&forged, new, path), "old root: {case}");
    // Nothing links an empty tree to what follows it.
    if old.size > 0 {
        let forged = Head { root: flip(new.root, bit), ..*new };
        assert!(!verify_consistency(old, &forged, path), "new root: {case}");
    }
    for place in 0..path.len() {
        let mut forged = path.to_vec();
        forged[place] = flip(forged[place], bit);
        assert!(!verify_consistency(old, new, &forged), "path {place}: {case}");
    }
    // A root does not fix the size, but a taller tree needs a longer path.
    if old.size > 0 && old.size < new.size {
        let taller = Head { size: 2 * new.size, ..*new };
        assert!(!verify_consistency(old, &taller, path), "taller tree: {case}");
    }
    let longer = [path, &[old.root]].concat();
    assert!(!verify_consistency(old, new, &longer), "longer path: {case}");
}

#[test]
fn a_rewritten_history_is_not_consistent() {
    let all = leaves(20);
    for (old, changed) in (1..20_usize).flat_map(|old| (0..old).map(move |changed| (old, changed)))
    {
        let mut rewritten = all.clone();
        rewritten[changed] = flip(rewritten[changed], 0);
        let sizes = Sizes { old: old as u64, new: 20 };
        let path = consistency_path(sizes, &mut leaves_only(&rewritten)).unwrap();
        assert!(!verify_consistency(&head(&all[..old]), &head(&rewritten), &path));
    }
}

#[test]
fn stored_subtrees_spare_the_leaves_below_them() {
    let all = leaves(64 + 3);
    let mut asked = 0;
    let mut nodes = |node: Node| {
        asked += 1;
        let width = 1_usize << node.level;
        let start = node.index as usize * width;
        Some(naive_root(&all[start..start + width]))
    };
    let path = inclusion_path(LeafPosition { index: 5, size: 67 }, &mut nodes).unwrap();
    assert!(verify_inclusion(all[5], 5, &head(&all), &path));
    assert!(asked <= 10, "asked for {asked} nodes");
}

#[test]
fn impossible_paths_are_refused() {
    let all = leaves(5);
    let nodes = &mut leaves_only(&all);
    let outside = TreeError::OutsideTree { index: 5, size: 5 };
    assert_eq!(inclusion_paths(&[1, 5], 5, nodes), Err(outside));
    let missing = TreeError::LeafMissing { index: 5 };
    assert_eq!(inclusion_path(LeafPosition { index: 0, size: 9 }, nodes), Err(missing));
    assert_eq!(consistency_path(Sizes { old: 3, new: 1 << 60 }, nodes), Err(missing));
    let too_many = TreeError::TooManyPaths { found: 10_001, paths_max: 10_000 };
    assert_eq!(inclusion_paths(&[0; 10_001], 5, nodes), Err(too_many));
    assert_eq!(inclusion_paths(&[], 0, nodes), Ok(vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_batch_of_paths_is_the_single_paths(
        size in 1_u64..300,
        picks in prop::collection::vec(any::<u64>(), 0..20),
    ) {
        let all = leaves(size);
        let indexes: Vec<_> = picks.iter().map(|pick| pick % size).collect();
        let paths = inclusion_paths(&indexes, size, &mut leaves_only(&all)).unwrap();
        for (index, path) in indexes.into_iter().zip(paths) {
            let single = inclusion_path(LeafPosition { index, size }, &mut leaves_only(&all));
            prop_assert_eq!(single, Ok(path));
        }
    }

    #[test]
    fn verification_of_anything_ends_without_panic(
        index: u64, old: u64, new: u64,
        path in prop::collection::vec(any::<[u8; 32]>().prop_map(Hash::new), 0..140),
    ) {
        let root = empty_root();
        let (old, new) = (Head { size: old, root }, Head { size: new, root });
        prop_assert!(!verify_inclusion(root, index, &new, &path) || new.size == 1);
        verify_consistency(&old, &new, &path);
    }
}
