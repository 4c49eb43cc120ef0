/* The election of a master and its fencing, as the packages lock and journal
 * do it. doc.go says what stands for what. A step is atomic where the real one
 * is one storage operation or one instruction; all else interleaves. A node
 * that takes no step is paused, an operation that is not carried out is
 * delayed: both last as long as the checker likes.
 */

#define N       2       /* nodes */
#ifndef EPOCHS
#define EPOCHS  3       /* epochs in a run */
#endif
#ifndef STARTS
#define STARTS  EPOCHS  /* take-overs that come as far as reading the journal */
#endif
#ifndef SLOTS
#define SLOTS   1       /* messages that a file can hold */
#endif
#ifndef ENDS
#define ENDS    2       /* processes that are killed, or give up */
#endif
#define MSGS    2       /* messages, numbered from 1 */
#define GAP     2       /* from the highest file number to a new master's first */
#define FILES   ((GAP + 1) * STARTS + 2)/* 1 is there before */
#define INODES  (3 * STARTS + 1)        /* three for each start; 0 is there before */
#define OPS     3       /* storage operations in flight */
#define NONE    255

/* Ticks that a proof of ownership holds, and ticks without a proof after which
 * the storage may give the lock away. A proof is one step here: one whose
 * answer comes in a later tick than it began in proves nothing.
 */
#define WINDOW  1
#ifdef BUG_WINDOW_LONGER_THAN_LEASE
#define LEASE   0
#else
#define LEASE   2
#endif
#define OLD     2       /* an age that is not counted any further */

#define bit(m)  (1 << (m))

mtype = { slave, won, ready, swept, recovered, inherited, opened, master };
mtype = { nothing, write, rename, link, takeEpoch };

typedef Inode {
	byte slot[SLOTS];
	byte epoch;     /* head: the mastership's; 0: no head */
	byte after;     /* head: the newest file that the mastership found */
	byte first;     /* head: the mastership's first file */
	byte seal;      /* head: slots of `after` that count */
};

typedef Op {
	mtype kind;
	byte  node;     /* who waits for it; NONE when nobody does any more */
	byte  a;        /* write: inode; rename and link: file; takeEpoch: epoch */
	byte  b;        /* write: slot; rename and link: inode; takeEpoch: node */
	byte  c;        /* write: message */
};

typedef Node {
	mtype state;
	byte  epoch;
	bool  busy;     /* an operation of its own is in flight */
	byte  age;      /* ticks since the last proof */
	byte  wait;     /* ticks still to wait */
	byte  lock;     /* the lock file that it has open */
	byte  known;    /* messages in its index */
	byte  start;    /* which of the run's starts it is */
	byte  newest;   /* the file that it inherits, then the one that it writes */
	byte  first;    /* its own first file */
	byte  end;      /* slots of it that count */
	byte  inode;    /* which it has open for that */
	byte  pending;  /* message being written */
};

Inode inode[INODES];
byte  file[FILES];      /* inode of each file number, NONE where there is none */
Op    op[OPS];
Node  node[N];

byte  holder = NONE;    /* of the lock file that is at its path */
byte  lockFile;         /* which one is at the path; a deleted one comes back as another */
byte  ends;             /* processes that have ended */
byte  starts;           /* so far */
bool  started;          /* the first holder is node 0: the nodes are alike */
byte  epochFile;
byte  epochOwner = NONE;
byte  epochLock;        /* the lock file that its writer held */

byte  acked;            /* bits of the messages that a client was promised */
byte  lastAck;          /* the highest epoch that has acknowledged */

#define valid(n)        (node[n].age < WINDOW)
#ifdef BUG_NO_CHECK_AFTER_SYNC
#define validAfterSync(n)       true
#else
#define validAfterSync(n)       valid(n)
#endif

/* what locking again says; a deleted file stays locked */
#define locked(n)       (holder == n || node[n].lock != lockFile)
#define inOffice(n)     (node[n].state != slave && node[n].state != won)
#define provable(n)     (holder == n && epochFile == node[n].epoch && epochOwner == n)
#define fileFull(n)     (node[n].state == master && node[n].pending == 0 && node[n].end == SLOTS && node[n].newest == node[n].first && node[n].known != bit(1) + bit(2))

/* leave: the process ends or begins anew. What it has in flight, if lost is
 * false, is still under way.
 */
inline leave(n, lost)
{
	if
	:: holder == n -> holder = NONE
	:: else
	fi;
	for (i : 0 .. OPS - 1) {
		if
		:: op[i].kind != nothing && op[i].node == n && lost -> forget(i)
		:: op[i].kind != nothing && op[i].node == n && !lost -> op[i].node = NONE
		:: else
		fi
	}
	i = 0;
	ends++;
	node[n].state = slave;
	node[n].epoch = 0;
	node[n].busy = false;
	node[n].age = OLD;
	node[n].wait = 0;
	node[n].lock = 0;
	node[n].known = 0;
	node[n].start = 0;
	node[n].newest = 0;
	node[n].first = 0;
	node[n].end = 0;
	node[n].inode = 0;
	node[n].pending = 0
}

#define room    (op[0].kind == nothing || op[1].kind == nothing || op[2].kind == nothing)
#define free(n) (!node[n].busy && room)

/* issue puts an operation in flight. */
inline issue(n, k, x, y, z)
{
	printf("node %d asks for %e %d %d %d\n", n, k, x, y, z);
	i = 0;
	do
	:: op[i].kind != nothing -> i++
	:: else -> break
	od;
	op[i].kind = k;
	op[i].node = n;
	op[i].a = x;
	op[i].b = y;
	op[i].c = z;
	node[n].busy = true;
	i = 0
}

/* carryOut does what is in flight, and tells who waits. */
inline carryOut(x)
{
	printf("storage does %e %d %d %d\n", op[x].kind, op[x].a, op[x].b, op[x].c);
	if
	:: op[x].kind == write -> inode[op[x].a].slot[op[x].b] = op[x].c
	:: op[x].kind == rename -> file[op[x].a] = op[x].b
	/* a link is refused where there is a file */
#ifdef BUG_LATE_RENAMES
	:: op[x].kind == link -> file[op[x].a] = op[x].b
#else
	:: op[x].kind == link && file[op[x].a] == NONE -> file[op[x].a] = op[x].b
	:: op[x].kind == link && file[op[x].a] != NONE -> op[x].node = NONE
#endif
	:: op[x].kind == takeEpoch -> epochFile = op[x].a; epochOwner = op[x].b; epochLock = op[x].c
	fi;
	if
	:: op[x].node != NONE -> node[op[x].node].busy = false
	:: else
	fi;
	forget(x)
}

inline forget(x)
{
	op[x].kind = nothing;
	op[x].node = 0;
	op[x].a = 0;
	op[x].b = 0;
	op[x].c = 0
}

/* sweep removes the sources of the renames that are in flight: they fail. Who
 * waits for one goes on waiting.
 */
inline sweep(k)
{
#ifndef BUG_LATE_RENAMES
	for (i : 0 .. OPS - 1) {
		if
		:: op[i].kind == k -> forget(i)
		:: else
		fi
	}
	i = 0
#else
	skip
#endif
}

/* a file that a deposed master began after it was succeeded */
#define orphaned        (i > after && i < first)

/* recover walks from the newest file to the oldest (journal: inventory.chain)
 * and reads what counts into n's index. P2: what was promised is there.
 */
inline recover(n)
{
	node[n].start = starts;
	starts++;
	i = FILES - 1;
	do
	:: file[i] == NONE -> i--
	:: else -> break
	od;
	node[n].first = i + GAP;
	after = 0; first = 0; seal = SLOTS;
	do
	:: i == 0 -> break
	:: i > 0 && (file[i] == NONE || orphaned) -> i--
	:: i > 0 && file[i] != NONE && !orphaned ->
		j = 0;
		do
		:: j < SLOTS && !(i == after && j >= seal) && inode[file[i]].slot[j] != 0 ->
			node[n].known = node[n].known | bit(inode[file[i]].slot[j]);
			j++
		:: else -> break
		od;
		if
		:: node[n].newest == 0 -> node[n].newest = i; node[n].end = j
		:: else
		fi;
		if
		:: inode[file[i]].epoch != 0 ->
			after = inode[file[i]].after;
			first = inode[file[i]].first;
			seal = inode[file[i]].seal
		:: else
		fi;
		i--
	od;
	i = 0; j = 0; after = 0; first = 0; seal = 0;
	printf("node %d recovers; newest file %d with %d, knows %d\n", n, node[n].newest, node[n].end, node[n].known);
	assert((acked & ~node[n].known) == 0)
}

/* begin makes inode x a file with the head of file inode y. */
inline begin(x, y)
{
	inode[x].epoch = inode[y].epoch;
	inode[x].after = inode[y].after;
	inode[x].first = inode[y].first;
	inode[x].seal = inode[y].seal
}

/* promise acknowledges message m. P1: no later epoch has done so before. */
inline promise(n, m)
{
	printf("node %d acknowledges %d in epoch %d\n", n, m, node[n].epoch);
	assert(lastAck <= node[n].epoch);
	lastAck = node[n].epoch;
	acked = acked | bit(m)
}

/* send: a client sends message m, not for the first time perhaps. */
#define sendable(n, m)  (node[n].state == master && free(n) && node[n].pending == 0 && node[n].end < SLOTS && (node[n].known & bit(m)) == 0)
#define resendable(n, m) (node[n].state == master && valid(n) && (node[n].known & bit(m)) != 0 && (acked & bit(m)) == 0)

inline send(n, m)
{
	node[n].pending = m;
	issue(n, write, node[n].inode, node[n].end, m)
}

proctype process(byte me)
{
	byte i, j, after, first, seal;

	do
	/* ---- the lock (lock: FileLocker, takeOffice) ---- */
	:: d_step { node[me].state == slave && holder == NONE && (me == 0 || started) ->
		printf("node %d has the lock\n", me);
		started = true;
		node[me].lock = lockFile;
		sweep(takeEpoch);
		holder = me;
#ifndef BUG_NO_OUTWAIT
		/* another lock file than the last holder's: it must have noticed */
		if
		:: epochLock != lockFile && epochFile != 0 -> node[me].wait = WINDOW
		:: else
		fi;
#endif
		node[me].state = won }
	/* the epoch: read, then replaced by a rename */
	:: d_step { node[me].state == won && free(me) && node[me].wait == 0 && node[me].epoch == 0 && locked(me) && epochFile < EPOCHS ->
		node[me].epoch = epochFile;
		for (i : 1 .. FILES - 1) { /* it is never below what the journal says */
			if
			:: file[i] != NONE && inode[file[i]].epoch > node[me].epoch -> node[me].epoch = inode[file[i]].epoch
			:: else
			fi
		}
		i = 0;
		node[me].epoch++;
		issue(me, takeEpoch, node[me].epoch, me, node[me].lock) }
	:: d_step { node[me].state == won && !node[me].busy && node[me].epoch != 0 ->
		node[me].state = ready }

	/* ---- the keeper's proof (lock: fileOwnership.prove) ---- */
	:: d_step { node[me].age != 0 && inOffice(me) && provable(me) ->
		node[me].age = 0 }

	/* ---- the take-over (journal: Open) ---- */
	:: d_step { node[me].state == ready && !node[me].busy && valid(me) ->
		sweep(rename);
		sweep(link);
		node[me].state = swept }
	:: d_step { node[me].state == swept && starts < STARTS ->
		recover(me);
		node[me].state = recovered }
	/* a copy of the newest file takes its name (inherit) */
	:: d_step { node[me].state == recovered && free(me) && valid(me) ->
#ifdef BUG_APPEND_TO_INHERITED
		node[me].inode = file[node[me].newest];
		node[me].state = master
#else
		node[me].inode = 3 * node[me].start + 1;
		begin(node[me].inode, file[node[me].newest]);
		for (j : 0 .. SLOTS - 1) {
			if
			:: j < node[me].end -> inode[node[me].inode].slot[j] = inode[file[node[me].newest]].slot[j]
			:: else
			fi
		}
		j = 0;
		issue(me, rename, node[me].newest, node[me].inode, 0);
		node[me].state = inherited
#endif
		}
	/* a file of its own, whose head says what it found (admitFile) */
	:: d_step { node[me].state == inherited && free(me) && valid(me) ->
		node[me].inode++;
		inode[node[me].inode].epoch = node[me].epoch;
		inode[node[me].inode].after = node[me].newest;
		inode[node[me].inode].first = node[me].first;
		inode[node[me].inode].seal = node[me].end;
		node[me].newest = node[me].first;
		node[me].end = 0;
		issue(me, link, node[me].newest, node[me].inode, 0);
		node[me].state = opened }
	:: d_step { node[me].state == opened && !node[me].busy ->
		node[me].state = master }

	/* ---- the master (journal: committer) ---- */
	/* what it does not have is written */
	:: d_step { sendable(me, 1) -> send(me, 1) }
	:: d_step { sendable(me, 2) -> send(me, 2) }
	/* synced, and the lease is asked */
	:: d_step { node[me].state == master && !node[me].busy && node[me].pending != 0 && validAfterSync(me) ->
		node[me].known = node[me].known | bit(node[me].pending);
		promise(me, node[me].pending);
		node[me].pending = 0;
		node[me].end++ }
	/* what it has is acknowledged at once */
	:: d_step { resendable(me, 1) -> promise(me, 1) }
	:: d_step { resendable(me, 2) -> promise(me, 2) }
	/* the next file */
	:: d_step { fileFull(me) && free(me) && valid(me) ->
		begin(node[me].inode + 1, node[me].inode);
		node[me].inode++;
		node[me].newest++;
		node[me].end = 0;
		issue(me, link, node[me].newest, node[me].inode, 0) }

	/* ---- kill -9, or the node gives up ---- */
	:: d_step { ends < ENDS && node[me].state != slave ->
		printf("node %d ends\n", me);
		leave(me, true) }
	:: d_step { ends < ENDS && node[me].busy ->
		printf("node %d ends, its operation does not\n", me);
		leave(me, false) }
	od
}

proctype storage()
{
	do
	:: d_step { op[0].kind != nothing -> carryOut(0) }
	:: d_step { op[1].kind != nothing -> carryOut(1) }
	:: d_step { op[2].kind != nothing -> carryOut(2) }
	/* the lease of a silent holder ends */
	:: d_step { holder != NONE && node[holder].age >= LEASE ->
		printf("storage gives the lock away\n");
		holder = NONE }
	/* somebody deletes the lock file, once */
	:: d_step { lockFile == 0 && holder != NONE ->
		printf("the lock file is deleted\n");
		lockFile++;
		holder = NONE }
	od
}

/* Time passes for all alike; only durations count. */
proctype time()
{
	byte i;
	do
	:: d_step {
		for (i : 0 .. N - 1) {
			if
			:: node[i].age < OLD -> node[i].age++
			:: else
			fi;
			if
			:: node[i].wait > 0 -> node[i].wait--
			:: else
			fi
		}
		i = 0 }
	od
}

init
{
	byte k;
	atomic {
		for (k : 0 .. FILES - 1) { file[k] = NONE }
		file[1] = 0;    /* what was there before, empty here */
		for (k : 0 .. OPS - 1) { op[k].kind = nothing }
		for (k : 0 .. N - 1) {
			node[k].state = slave;
			node[k].age = OLD;
			run process(k)
		}
		k = 0;
		run storage();
		run time()
	}
}
