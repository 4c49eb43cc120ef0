package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// fileOwnership is one epoch of a directory; the keeper's.
type fileOwnership struct {
	d      *descriptor
	dir    string
	holder Holder
}

// takeOffice makes a won lock an ownership: it writes the time as ActiveMQ
// does and takes the next epoch, durably. Each sync counts in the time that a
// take-over lasts, so it waits for none but the two of the epoch; the time is
// synced by the keeper's first proof. Where the lock may not exclude, it lets
// settle pass before it makes sure that nobody else did the same. It does not
// close d.
func (f *FileLocker) takeOffice(ctx context.Context, d *descriptor, settle time.Duration) (*Lease, error) {
	o := f.options
	if err := d.writeStamp(time.Now()); err != nil {
		return nil, err
	}
	if err := sweepEpochs(o.Directory); err != nil {
		return nil, fmt.Errorf("remove what is left of earlier epochs: %w", err)
	}
	last, err := readEpoch(o.Directory)
	if errors.Is(err, ErrDamagedEpoch) && !errors.Is(err, errUnknownFormat) && o.Floor != nil {
		last, err = f.setEpochAside(err)
	}
	if err != nil {
		return nil, err
	}
	if last.Epoch == 0 && o.Floor != nil { // somebody may have deleted its record
		last = Holder{Epoch: o.Floor(), WindowMillis: o.Window.Milliseconds(), Inode: d.id.Number}
	}
	// Not after the epoch is taken: an end of this process within the wait would
	// leave a record from which the next one concludes that all is well.
	if err := f.outwait(ctx, last, d); err != nil {
		return nil, err
	}
	won := o.clock()
	own := &fileOwnership{d: d, dir: o.Directory, holder: f.next(last, d)}
	if own.holder.Epoch > maxEpoch {
		return nil, fmt.Errorf("no epoch is left after %d", own.holder.Epoch-1)
	}
	err = writeEpoch(o.Directory, own.holder, func() error {
		// A pause since the lock was won may have cost it.
		if took := o.clock() - won; took >= o.Window {
			return fmt.Errorf("take epoch %d: %w: it took %v", own.holder.Epoch, ErrHung, took)
		}
		if err := own.check("was deleted or replaced", d.inPlace); err != nil {
			return err
		}
		return own.check("is locked by another", d.retake)
	})
	if err != nil {
		return nil, err
	}
	if err := Pause(ctx, settle); err != nil {
		return nil, err
	}
	proven := o.clock()
	if err := own.check("was written to by another", own.d.stampIntact); err != nil {
		return nil, err
	}
	if err := own.held(); err != nil {
		return nil, err
	}
	f.forgetWish()
	log := o.Log.With("broker", o.BrokerName, "lock", f.path)
	return newLease(own.holder.Epoch, own, proven, timing{o.KeepAlivePeriod, o.Window, o.Grace}, o.clock, log), nil
}

// setEpochAside renames a damaged epoch file and returns what is known of the
// last owner without it: the epoch, and that it may have held another lock
// file, for a window like ours.
func (f *FileLocker) setEpochAside(damage error) (Holder, error) {
	path := filepath.Join(f.options.Directory, EpochFileName)
	if err := os.Rename(path, path+".damaged"); err != nil {
		return Holder{}, errors.Join(damage, err)
	}
	last := Holder{Epoch: f.options.Floor(), WindowMillis: f.options.Window.Milliseconds()}
	f.options.Log.Error("damaged epoch file is set aside; the epoch is taken from the journal",
		"file", path, "as", EpochFileName+".damaged", "epoch", last.Epoch, "cause", damage)
	return last, nil
}

// next is the holder that follows last.
func (f *FileLocker) next(last Holder, d *descriptor) Holder {
	epoch := last.Epoch
	if f.options.Floor != nil {
		epoch = max(epoch, f.options.Floor())
	}
	return Holder{
		Epoch:        epoch + 1,
		ID:           newHolderID(),
		Broker:       f.options.BrokerName,
		Host:         f.options.Host,
		PID:          f.options.PID,
		Kernel:       kernel(),
		Since:        time.Now().UTC().Round(time.Millisecond),
		WindowMillis: (f.options.Window + time.Millisecond - 1).Milliseconds(),
		Device:       d.id.Device,
		Inode:        d.id.Number,
		URIs:         f.options.URIs,
	}
}

// outwait waits until the last owner knows that it is deposed, if winning the
// lock does not prove that by itself: when it held another file than d, which
// happens when somebody deletes or replaces the lock file under it. Device
// numbers are not compared, for they differ between hosts.
func (f *FileLocker) outwait(ctx context.Context, last Holder, d *descriptor) error {
	if last.Epoch == 0 || (!d.created && last.Inode == d.id.Number) {
		return nil
	}
	f.options.Log.Warn("the lock file may not be the one that the last owner held; waiting until it must have noticed",
		"lock", f.path, "owner", last.String(), "wait", last.window())
	return Pause(ctx, last.window())
}

// Pause lets d pass, and fails if ctx ends before.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Prove implements Ownership.
func (o *fileOwnership) Prove(live func() bool) error {
	if err := o.check("is locked by another", o.d.retake); err != nil {
		return err
	}
	if err := o.check("was written to by another", o.d.stampIntact); err != nil {
		return err
	}
	if !live() {
		return ErrHung
	}
	// On NFS it is the write that makes a client find out.
	if err := o.d.writeStamp(time.Now()); err != nil {
		return err
	}
	if err := o.d.sync(); err != nil {
		return err
	}
	return o.held()
}

// held is the part of a proof that only reads.
func (o *fileOwnership) held() error {
	if err := o.check("is locked by another", o.d.retake); err != nil {
		return err
	}
	if err := o.check("was deleted or replaced", o.d.inPlace); err != nil {
		return err
	}
	last, err := readEpoch(o.dir)
	if err != nil {
		return err
	}
	if last.Epoch != o.holder.Epoch || last.ID != o.holder.ID {
		return fmt.Errorf("%w: epoch %d was succeeded by %s", ErrLost, o.holder.Epoch, last)
	}
	return nil
}

// check makes a definite no of a question about the lock file a loss; fault
// is what the no means.
func (o *fileOwnership) check(fault string, question func() (bool, error)) error {
	ok, err := question()
	if err == nil && !ok {
		return fmt.Errorf("%w: %s %s", ErrLost, o.d.path, fault)
	}
	return err
}

// Release implements Ownership. A clean one leaves no time in the lock file:
// nobody has to wait for signs of life of an owner who has taken its leave.
func (o *fileOwnership) Release(clean bool) error {
	var err error
	if clean && o.held() == nil {
		err = o.d.clearStamp()
	}
	return errors.Join(err, o.d.close())
}
