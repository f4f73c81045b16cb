/// Seeds that broke a promise once. Each stays, so that what was repaired stays repaired.
enum Seeds {
    static let everFailed: [UInt64] = [
        // A refused record moved the watermark past the events before it: no fault is needed.
        0, 5, 8, 20,
        // What was read again after a crash was committed below what the group had: answered again.
        68, 76, 284,
        // A crash before the first checkpoint: reading went on from the group's commits, nothing was learned of
        // what was before.
        84, 292,
        // The last checkpoint was written without the rows of the one that failed just before.
        124, 254,
        // An event read again whose user had been pushed out by then got no list.
        132, 256,
        // The outbox was full, so nobody polled the consumer, which never heard that it was expelled.
        270,
        // A record that went again came after a newer one of its user.
        122,
        // Not ours but the simulation's: a lost partition's records were struck from the order of learning though
        // they had been learned before.
        967, 3845,
        // Retention took what was to be read again, below what was learned: reading went on above it.
        1199, 1336,
        // A transaction ended in the middle of a batch, with a dead letter beyond its offsets.
        2545,
        // Records were gone of which the group had committed nothing: nobody knew that they were owed an answer.
        2347, 3127, 5019,
        // Not ours but the check's: a member that was expelled answers again, by a newer model.
        4141, 9557,
        // Nor this: what it had given to its producer came after the list of its successor, and nothing fences it.
        34988,
        // A list made for an event that an adopted session had already was written down, and the row was not.
        91, 119,
        // A recovered generation knew nothing of a partition that had come with its sessions, of which there were none.
        344, 1973,
        // The gap of a partition that was revoked while it was read again was given up: never learned, or twice.
        734,
        // Not ours but the check's: retention had taken all records of a partition, and who came last was judged before
        // its sessions were read back.
        300853, 325999, 330271, 336641, 393926,
        // Nor this: the story was over before a partition without records was reached, which a disk that failed kept
        // from being read.
        339744, 345225,
    ]
}
