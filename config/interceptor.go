package config

import "strings"

// DestinationInterceptor is one element of <destinationInterceptors>.
type DestinationInterceptor struct {
	Virtual       *VirtualDestinationInterceptor `config:"virtualDestinationInterceptor"`
	MirroredQueue *MirroredQueue                 `config:"mirroredQueue"`
}

func (DestinationInterceptor) others() others { return others{"bean": absent(reasonPlugins)} }

func (d *DestinationInterceptor) check(b *binder, path string) {
	b.exactlyOne(path, "virtualDestinationInterceptor or mirroredQueue", d.Virtual != nil, d.MirroredQueue != nil)
	if d.Virtual == nil {
		return
	}
	for i := range d.Virtual.VirtualDestinations {
		d.Virtual.VirtualDestinations[i].check(b, index(path+".virtualDestinationInterceptor.virtualDestinations", i))
	}
}

// VirtualDestinationInterceptor is a list of destinations that stand for
// others.
type VirtualDestinationInterceptor struct {
	VirtualDestinations []VirtualDestination `config:"virtualDestinations"`
}

func (VirtualDestinationInterceptor) others() others { return nil }

// VirtualDestination is one element of <virtualDestinations>.
type VirtualDestination struct {
	VirtualTopic   *VirtualTopic         `config:"virtualTopic"`
	CompositeQueue *CompositeDestination `config:"compositeQueue"`
	CompositeTopic *CompositeDestination `config:"compositeTopic"`
}

func (VirtualDestination) others() others { return others{"bean": absent(reasonPlugins)} }

func (v *VirtualDestination) check(b *binder, path string) {
	b.exactlyOne(path, "virtualTopic, compositeQueue or compositeTopic", v.VirtualTopic != nil, v.CompositeQueue != nil, v.CompositeTopic != nil)
	b.named(path+".virtualTopic.name", v.VirtualTopic != nil, func() string { return v.VirtualTopic.Name })
	if v.VirtualTopic != nil && v.VirtualTopic.Prefix+v.VirtualTopic.Postfix == "" {
		b.bad(path+".virtualTopic", "needs a prefix or a postfix")
	}
	for name, c := range map[string]*CompositeDestination{"compositeQueue": v.CompositeQueue, "compositeTopic": v.CompositeTopic} {
		if c != nil {
			c.check(b, path+"."+name)
		}
	}
}

// VirtualTopic is the <virtualTopic> element: queues called prefix + topic +
// postfix get what is sent to the topic.
type VirtualTopic struct {
	Name                   string `config:"name"`
	Prefix                 string `config:"prefix"`
	Postfix                string `config:"postfix"`
	SelectorAware          bool   `config:"selectorAware"`
	Local                  bool   `config:"local"`
	DropOnResourceLimit    bool   `config:"dropOnResourceLimit"`
	SetOriginalDestination bool   `config:"setOriginalDestination"`
}

func (v *VirtualTopic) setDefaults() {
	v.Name, v.Prefix, v.SetOriginalDestination = ">", "Consumer.*.", true
}

func (VirtualTopic) others() others {
	return others{
		"concurrentSend": tuned("false", reasonOneUnit),
		"transactedSend": tuned("false", reasonOneUnit),
	}
}

const reasonOneUnit = "all copies of a message are stored together in one write"

// CompositeDestination is the <compositeQueue> or <compositeTopic> element.
type CompositeDestination struct {
	Name               string          `config:"name"`
	ForwardTo          []ForwardTarget `config:"forwardTo"`
	ForwardOnly        bool            `config:"forwardOnly"`
	SendWhenNotMatched bool            `config:"sendWhenNotMatched"`
}

func (c *CompositeDestination) setDefaults() { c.ForwardOnly = true }

func (CompositeDestination) others() others {
	return others{
		"concurrentSend": tuned("false", reasonOneUnit),
		"copyMessage":    tuned("true", "each destination gets a copy, as in ActiveMQ"),
	}
}

func (c *CompositeDestination) check(b *binder, path string) {
	b.named(path+".name", true, func() string { return c.Name })
	for i := range c.ForwardTo {
		f, at := &c.ForwardTo[i], index(path+".forwardTo", i)
		b.exactlyOne(at, "queue, topic or filteredDestination", f.Queue != nil, f.Topic != nil, f.Filtered != nil)
		b.named(at+".queue.physicalName", f.Queue != nil, func() string { return f.Queue.PhysicalName })
		b.named(at+".topic.physicalName", f.Topic != nil, func() string { return f.Topic.PhysicalName })
		if f.Filtered != nil && (f.Filtered.Queue == "") == (f.Filtered.Topic == "") {
			b.bad(at+".filteredDestination", "needs either queue or topic")
		}
		if f.Filtered != nil && strings.TrimSpace(f.Filtered.Selector) == "" {
			b.bad(at+".filteredDestination", "needs a selector")
		}
	}
}

// ForwardTarget is one element of <forwardTo>.
type ForwardTarget struct {
	Queue    *NamedQueue          `config:"queue"`
	Topic    *NamedTopic          `config:"topic"`
	Filtered *FilteredDestination `config:"filteredDestination"`
}

func (ForwardTarget) others() others { return nil }

// FilteredDestination is a destination for what a selector matches.
type FilteredDestination struct {
	Queue    string `config:"queue"`
	Topic    string `config:"topic"`
	Selector string `config:"selector"`
}

func (FilteredDestination) others() others { return nil }

// MirroredQueue is the <mirroredQueue> element: what is sent to a queue goes
// to the topic prefix + queue + postfix, too.
type MirroredQueue struct {
	Prefix  string `config:"prefix"`
	Postfix string `config:"postfix"`
}

func (m *MirroredQueue) setDefaults() { m.Prefix = "VirtualTopic.Mirror." }

func (MirroredQueue) others() others {
	return others{"copyMessage": tuned("true", "each destination gets a copy")}
}

// exactlyOne reports an element that has none, or more than one, of what it
// may have.
func (b *binder) exactlyOne(path, what string, given ...bool) {
	n := 0
	for _, is := range given {
		if is {
			n++
		}
	}
	if n != 1 {
		b.bad(path, "needs exactly one of "+what)
	}
}

// named reports a name that is empty, if it is given at all.
func (b *binder) named(path string, given bool, name func() string) {
	if given && strings.TrimSpace(name()) == "" {
		b.bad(path, "needs a name")
	}
}
